"""One model's chat template: messages and tools → prompt → tokens, and a reply → words and calls.

The idea: a chat template is a program, so it is not read but asked: how it begins and ends a reply, whether
it shows tools, and in which form it writes calls. A template that knows no tools, or writes calls in no
form that can be read back, gets the conversation in words. Training, acting and serving all come here, so
that they cannot drift apart.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from transformers import PreTrainedTokenizerBase

from trajectune.example import Example, Message
from trajectune.models.chat.contexts import contexts
from trajectune.models.chat.dicts import chat_dicts, tool_schema
from trajectune.models.chat.filter import CallFilter
from trajectune.models.chat.forms import NoCalls
from trajectune.models.chat.reading import ReadReply, read_reply
from trajectune.models.chat.roles import fold
from trajectune.models.chat.spans import Rendered
from trajectune.models.chat.template import ChatTemplate
from trajectune.models.chat.thought import Thought, apart, with_thought
from trajectune.models.chat.words import Written, in_words
from trajectune.trajectory import Tool

_log = logging.getLogger(__name__)


@functools.lru_cache(maxsize=8)
def _renderer(tokenizer: PreTrainedTokenizerBase, template: str) -> ChatRenderer:
    del template  # a tokenizer whose template was changed is another one
    return ChatRenderer(tokenizer)


def renderer_of(tokenizer: PreTrainedTokenizerBase) -> ChatRenderer:
    """The renderer of a tokenizer, made once. Raises ModelError when it has no chat template."""
    return _renderer(tokenizer, str(tokenizer.chat_template))


class ChatRenderer(ChatTemplate):
    """What a tokenizer's chat template makes of conversations, and what its replies say.

    Raises ModelError when there is no template, or none that can be run.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        super().__init__(tokenizer)
        self._said_so = False

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

    def _thought_under(self, variables: Mapping[str, Any] | None) -> Thought:
        """How a reply begins where the prompt has these variables, which may keep it from opening one."""
        if not variables or not self.thought.opened:
            return self.thought
        prompt = self.text([Message(role="user", content="Hi")], opened=True, variables=variables)
        opens = prompt.rstrip().endswith(self.thought.opened.strip())
        return self.thought if opens else replace(self.thought, opened="")


@functools.lru_cache(maxsize=8)
def hidden_tokens(tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """Tokens that decoding leaves out."""
    added = tokenizer.added_tokens_decoder.items()
    return frozenset(tokenizer.all_special_ids) | {number for number, token in added if token.special}
