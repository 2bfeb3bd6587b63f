"""One model's chat template: messages and tools → prompt → tokens, and a reply → words and calls.

The idea: a chat template is a program, so it is not read but asked: how it begins and ends a reply, whether
it shows tools, and in which form it writes calls. A template that knows no tools, or writes calls in no
form that can be read back, gets the conversation in words. Training, acting and serving all come here, so
that they cannot drift apart.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.example import Example, Message
from trajectune.models.chat.contexts import contexts
from trajectune.models.chat.filter import CallFilter
from trajectune.models.chat.forms import FORMS, CallForm, Hermes
from trajectune.models.chat.probe import ask_form, ask_turn
from trajectune.models.chat.spans import Rendered
from trajectune.models.chat.words import Written, chat_dicts, in_words, tool_schema
from trajectune.models.identity import template_digest
from trajectune.trajectory import Tool, ToolCall


@functools.lru_cache(maxsize=8)
def _renderer(tokenizer: PreTrainedTokenizerBase, template: str) -> ChatRenderer:
    del template  # a tokenizer whose template was changed is another one
    return ChatRenderer(tokenizer)


def renderer_of(tokenizer: PreTrainedTokenizerBase) -> ChatRenderer:
    """The renderer of a tokenizer, made once. Raises ModelError when it has no chat template."""
    return _renderer(tokenizer, str(tokenizer.chat_template))


class ChatRenderer:
    """A tokenizer's chat template. Raises ModelError when there is none."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if not tokenizer.chat_template:
            raise ModelError(
                "the model has no chat template",
                where=str(tokenizer.name_or_path),
                remedy="use an instruction-tuned model, name a template (llama-2, llama-3, chatml, "
                "agent-flan), or put a chat_template.jinja into its folder",
            )
        self.tokenizer = tokenizer
        specials = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
        words = sorted({*specials, *map(str, tokenizer.all_special_tokens)}, key=len, reverse=True)
        self.special = re.compile("|".join(re.escape(word) for word in words if word) or r"(?!)")
        """Finds the text of a special token."""

    @property
    def digest(self) -> str:
        """Of the tokenizer and its chat template (`template_digest`)."""
        return self._digest

    @property
    def form(self) -> CallForm:
        """How the model writes calls: as its template does, else in our words."""
        return self._form.form

    @property
    def native(self) -> bool:
        """Whether the template itself shows tools and calls, in a form that we can read."""
        return self._form.end != ""

    @functools.cached_property
    def kept(self) -> frozenset[int]:
        """Special tokens that must survive decoding, since calls are read by them."""
        specials = hidden_tokens(self.tokenizer)
        return frozenset(i for i in specials if self.tokenizer.convert_ids_to_tokens(i) in self.form.words)

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
        return self.apply(chat_dicts(messages), schemas, opened=opened, variables=variables)

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
        return str(rendered)

    def read(self, text: str, tools: Sequence[Tool] = ()) -> tuple[str, list[ToolCall]]:
        """A reply's words and its calls; what cannot be read as a call stays text, sign for sign.

        `text` must hold the special tokens in `kept`. Calls have ids only where the text gives some.
        """
        return self.form.read(text, tools)

    def filter(self, tools: Sequence[Tool] = ()) -> CallFilter:
        """Reads a reply that is streamed."""
        return CallFilter(self.form, tools)

    def render(self, example: Example) -> list[Rendered]:
        """The conversation as text with its trained replies, the end-of-turn marker included.

        One text, where the template writes the past as it was; else a text for each reply that would meet
        another past, in order. Raises MaskError when a reply cannot be proven, ModelError when the
        template itself is of no use.
        """
        return contexts(self, example)

    @property
    def turn(self) -> tuple[str, str]:
        """What stands between the generation prompt and a plain reply, and the marker that ends it.

        Raises ModelError where the template does not mark them.
        """
        return self._turn

    @property
    def call_end(self) -> str:
        """The marker that ends a reply with calls."""
        return self._form.end

    @functools.cached_property
    def _digest(self) -> str:
        return template_digest(self.tokenizer)

    @functools.cached_property
    def _turn(self) -> tuple[str, str]:
        return ask_turn(self.apply, self.special, str(self.tokenizer.name_or_path))

    @functools.cached_property
    def _form(self) -> _Form:
        found = ask_form(self.apply, self.special, FORMS)
        return _Form(Hermes(), "") if found is None else _Form(*found)

    def written(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[Written]:
        """Each message as the template is to see it."""
        has_tools = tools or any(message.tool_calls or message.role == "tool" for message in messages)
        if not has_tools or self.native:
            return [Written(message, message) for message in messages]
        return in_words(messages, tools)


@functools.lru_cache(maxsize=8)
def hidden_tokens(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Tokens that decoding leaves out."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(tokenizer.all_special_ids) | {number for number, token in added if token.special}


class _Form(NamedTuple):
    form: CallForm
    end: str
