"""A chat template as a program that is asked: how it begins and ends replies, shows tools, takes roles.

The idea: a template is not read but run, on small conversations, once; what it answers is kept here.

Invariant: nothing else calls a template than `apply`, which bounds what comes out of it.
"""

from __future__ import annotations

import functools
import re
import traceback
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from types import FrameType
from typing import Any

from transformers import PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.models.chat.dicts import Manner
from trajectune.models.chat.forms import FORMS, CallForm, Hermes
from trajectune.models.chat.probes.calls import Native, ask_calls
from trajectune.models.chat.probes.trial import check_length, check_runs
from trajectune.models.chat.probes.turns import Turn, ask_parts, ask_roles, ask_thought, ask_turn
from trajectune.models.chat.roles import Roles
from trajectune.models.chat.thought import PLAIN, Thought
from trajectune.models.identity import template_digest


class ChatTemplate:
    """A tokenizer's chat template. Raises ModelError when there is none, or none that can be run."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if not tokenizer.chat_template:
            raise ModelError(
                "the model has no chat template",
                where=str(tokenizer.name_or_path),
                remedy="use an instruction-tuned model, name a template (llama-2, llama-3, chatml, "
                "agent-flan), or put a chat_template.jinja into its folder",
            )
        check_runs(tokenizer)
        self.tokenizer = tokenizer
        specials = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
        words = sorted({*specials, *map(str, tokenizer.all_special_tokens)}, key=len, reverse=True)
        self.special = re.compile("|".join(re.escape(word) for word in words if word) or r"(?!)")
        """Finds the text of a special token."""

    @property
    def start(self) -> str:
        """The token with which a text begins; empty where the tokenizer has none."""
        return str(self.tokenizer.bos_token or "")

    @property
    def digest(self) -> str:
        """Of the tokenizer and its chat template (`template_digest`)."""
        return self._digest

    @property
    def form(self) -> CallForm:
        """How the model writes calls: as its template does, else in our words."""
        return self._calls.form if self._calls else Hermes()

    @property
    def native(self) -> bool:
        """Whether the template itself shows tools and calls, in a form that we can read."""
        return self._calls is not None

    def apply(
        self,
        messages: Sequence[dict[str, Any]],
        tools: Sequence[dict[str, Any]],
        *,
        opened: bool,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """The one call of a chat template."""
        try:
            rendered = self.tokenizer.apply_chat_template(
                list(messages),
                tools=list(tools) or None,  # pyright: ignore[reportArgumentType]
                tokenize=False,
                add_generation_prompt=opened,
                **(variables or {}),
            )
        except Exception as error:  # the template is a program of the model's; anything may come out of it
            _let_go(error)
            raise ModelError(
                f"the chat template refuses this conversation: {error}",
                where=str(self.tokenizer.name_or_path),
            ) from error
        check_length(str(rendered), messages, tools)
        return str(rendered)

    @property
    def turn(self) -> Turn:
        """What stands between the generation prompt and a plain reply, and the marker that ends it.

        Raises ModelError where the template does not mark them.
        """
        return self._turn

    @property
    def call_turn(self) -> Turn:
        """The same for a reply with calls."""
        calls = self._calls
        return self.turn if calls is None else Turn("", calls.end, calls.trail, calls.unwritten)

    @property
    def call_end(self) -> str:
        """The marker that ends a reply with calls; empty where they are written in words."""
        return self._calls.end if self._calls else ""

    @property
    def thought(self) -> Thought:
        """How a reply begins: where its thought stands."""
        return self._replies

    @property
    def told(self) -> str:
        """How conversations are changed for this template, for the user to know; empty if they are not."""
        return self._roles.told

    @functools.cached_property
    def _digest(self) -> str:
        return template_digest(self.tokenizer)

    @functools.cached_property
    def _turn(self) -> Turn:
        name = str(self.tokenizer.name_or_path)
        return ask_turn(self.apply, ask_parts(self.apply), self.special, name)

    @functools.cached_property
    def _thought(self) -> tuple[Thought, Manner]:
        manner = ask_parts(self.apply)
        try:
            return ask_thought(self.apply, manner, self._turn)
        except ModelError:  # a model may act under a template that nothing can be trained under
            return PLAIN, manner

    @functools.cached_property
    def _replies(self) -> Thought:
        (thought, manner), calls = self._thought, self._calls
        if calls is None:
            return thought
        marks = calls.marks if calls.marks and not manner.thought else thought.marks
        left = self._turn.prompt if calls.opening.strip() else ""
        prompt = left if left.strip() and calls.opening.startswith(left) else ""
        return replace(thought, marks=marks, prompt=prompt)

    @functools.cached_property
    def _calls(self) -> Native | None:
        return ask_calls(self.apply, self._thought[1], self.special, FORMS)

    @functools.cached_property
    def _manner(self) -> Manner:
        return self._calls.manner if self._calls else self._thought[1]

    @functools.cached_property
    def _roles(self) -> Roles:
        return ask_roles(self.apply, self._manner)


def _let_go(error: Exception) -> None:
    """Frees the frames of a refusal.

    jinja2 leaves them in a cycle, and a frame holds its callers: until the garbage collector comes by, all
    that is on the stack would stay, caches of gigabytes too.
    """
    for frame, _ in list(traceback.walk_tb(error.__traceback__)):
        _clear(frame)
    error.__traceback__ = None


def _clear(frame: FrameType | None) -> None:
    """A frame's variables and those of its callers, up to the first that still runs."""
    with suppress(RuntimeError):
        while frame is not None:
            frame.clear()
            frame = frame.f_back
