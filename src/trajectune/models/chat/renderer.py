"""One model's chat template: messages and tools → prompt → tokens, and a reply → words and calls.

The idea: a chat template is a program, so it is not read but asked: how it begins and ends a reply, whether
it shows tools, and in which form it writes calls. A template that knows no tools, or writes calls in no
form that can be read back, gets the conversation in words. Training, acting and serving all come here, so
that they cannot drift apart.
"""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.example import Example, Message
from trajectune.models.chat.contexts import contexts
from trajectune.models.chat.dicts import Manner, chat_dicts, tool_schema
from trajectune.models.chat.filter import CallFilter
from trajectune.models.chat.forms import FORMS, CallForm, Hermes, NoCalls
from trajectune.models.chat.probes.calls import Native, ask_calls
from trajectune.models.chat.probes.trial import check_length, check_runs
from trajectune.models.chat.probes.turns import Turn, ask_parts, ask_roles, ask_thought, ask_turn
from trajectune.models.chat.reading import ReadReply, read_reply
from trajectune.models.chat.roles import Roles, fold
from trajectune.models.chat.spans import Rendered
from trajectune.models.chat.thought import PLAIN, Thought, apart, with_thought
from trajectune.models.chat.words import Written, in_words
from trajectune.models.identity import template_digest
from trajectune.trajectory import Tool

_log = logging.getLogger(__name__)


@functools.lru_cache(maxsize=8)
def _renderer(tokenizer: PreTrainedTokenizerBase, template: str) -> ChatRenderer:
    del template  # a tokenizer whose template was changed is another one
    return ChatRenderer(tokenizer)


def renderer_of(tokenizer: PreTrainedTokenizerBase) -> ChatRenderer:
    """The renderer of a tokenizer, made once. Raises ModelError when it has no chat template."""
    return _renderer(tokenizer, str(tokenizer.chat_template))


class ChatRenderer:
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
        self._said_so = False
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

    @functools.cached_property
    def kept(self) -> frozenset[int]:
        """Special tokens that must survive decoding, since thoughts and calls are read by them."""
        marks = "".join([*self.thought.marks, self.thought.head, self.thought.prompt])
        words = {*self.form.words, *self.special.findall(marks)}
        specials = hidden_tokens(self.tokenizer)
        return frozenset(i for i in specials if self.tokenizer.convert_ids_to_tokens(i) in words)

    def prompt(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool] = (),
        variables: Mapping[str, Any] | None = None,
    ) -> list[int]:
        """Token ids of a conversation, up to and with the opening of the reply.

        `variables` are given to the template beside messages and tools (`enable_thinking`). Raises
        ModelError when the template refuses the conversation.
        """
        said = [turn.message for turn in self.written(messages, tools)]
        text = self.text(said, tools, opened=True, variables=variables)
        return list(self.tokenizer(text, add_special_tokens=False)["input_ids"])

    def text(
        self,
        messages: Sequence[Message],
        tools: Sequence[Tool] = (),
        *,
        opened: bool = False,
        variables: Mapping[str, Any] | None = None,
    ) -> str:
        """What the template itself writes; `opened` adds the opening of a reply. Raises ModelError."""
        schemas = [tool_schema(tool) for tool in tools] if tools and self.native else []
        return self.apply(chat_dicts(messages, self._manner), schemas, opened=opened, variables=variables)

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
            raise ModelError(
                f"the chat template refuses this conversation: {error}",
                where=str(self.tokenizer.name_or_path),
            ) from error
        check_length(str(rendered), messages, tools)
        return str(rendered)

    def read(
        self,
        text: str,
        tools: Sequence[Tool] = (),
        *,
        calls: bool = True,
        variables: Mapping[str, Any] | None = None,
    ) -> ReadReply:
        """A reply's thought, words and calls; what cannot be read as a call stays text, sign for sign.

        `text` must hold the special tokens in `kept`. Without `calls` none are looked for; `variables` are
        those of its prompt. Calls have ids only where the text gives some.
        """
        return read_reply(text, self._thought_under(variables), self.form if calls else NoCalls(), tools)

    def filter(
        self,
        tools: Sequence[Tool] = (),
        *,
        calls: bool = True,
        variables: Mapping[str, Any] | None = None,
    ) -> CallFilter:
        """Reads a reply that is streamed, as `read` does."""
        return CallFilter(self.form if calls else NoCalls(), tools, self._thought_under(variables))

    def render(self, example: Example) -> list[Rendered]:
        """The conversation as text with its trained replies, the end-of-turn marker included.

        One text, where the template writes the past as it was; else a text for each reply that would meet
        another past, in order. Raises MaskError when a reply cannot be proven, ModelError when the
        template itself is of no use.
        """
        return contexts(self, example)

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

    def written(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[Written]:
        """Each message as the template is to see it."""
        said = [self._said(message) for message in messages]
        has_tools = tools or any(message.tool_calls or message.role == "tool" for message in messages)
        turns = said if self.native or not has_tools else in_words(said, tools)
        folded = fold(turns, self._roles)
        if folded != turns and not self._said_so:
            self._said_so = True
            _log.warning("%s", self.told)
        return folded

    def _said(self, message: Message) -> Written:
        """The message with its thought where the template shows it."""
        if message.role != "assistant":
            return Written(message, message)
        manner, thought = self._manner, self.thought
        shown = bool(manner.thought_beside_calls if message.tool_calls and self.native else manner.thought)
        if shown or not thought.kept:
            message = apart(message)
            return Written(message, message)
        words = {"content": with_thought(message), "reasoning": "", "spans": []}
        return Written(message.model_copy(update=words) if message.reasoning else message, message)

    @functools.cached_property
    def _digest(self) -> str:
        return template_digest(self.tokenizer)

    @functools.cached_property
    def _turn(self) -> Turn:
        name = str(self.tokenizer.name_or_path)
        return ask_turn(self.apply, ask_parts(self.apply), self.special, name)

    def _thought_under(self, variables: Mapping[str, Any] | None) -> Thought:
        """How a reply begins where the prompt has these variables, which may keep it from opening one."""
        if not variables or not self.thought.opened:
            return self.thought
        prompt = self.text([Message(role="user", content="Hi")], opened=True, variables=variables)
        opens = prompt.rstrip().endswith(self.thought.opened.strip())
        return self.thought if opens else replace(self.thought, opened="")

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


@functools.lru_cache(maxsize=8)
def hidden_tokens(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Tokens that decoding leaves out."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(tokenizer.all_special_ids) | {number for number, token in added if token.special}
