"""Where the agent's words stand in a rendered conversation, for any chat template.

The idea: a chat template is a program, so it is not read but asked. The text of `messages[:i]` with the
generation prompt is what a model sees before it writes reply `i`; in the text of the whole conversation
the reply must stand right there, then the template's end-of-turn marker. What follows a reply (the
marker) and what a template puts before it is learnt once, from a reply that cannot be mistaken.

Invariant: a span is found only by this match, never by searching for words, so equal words elsewhere
cannot mislead it. Where the match fails, `MaskError` says why.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from transformers import PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.example import Example, Message
from trajectune.trajectory import Tool

_PROBE = "Qx7probeZk9"
"""A reply that no template writes by itself."""


class MaskError(ValueError):
    """The mask of one example cannot be proven; the example is set aside and counted."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as text, and the character ranges [start, end) that are trained."""

    text: str
    spans: list[tuple[int, int]]
    """In order and apart from each other; each ends with the end-of-turn marker."""


class ChatRenderer:
    """A tokenizer's chat template, asked once how it begins and ends a reply.

    Raises ModelError when there is no template, or one that marks no end of a reply.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase) -> None:
        if not tokenizer.chat_template:
            raise ModelError(
                "the model has no chat template",
                where=str(tokenizer.name_or_path),
                remedy="name one (llama-2, llama-3, chatml, agent-flan) or add chat_template.jinja",
            )
        self._tokenizer = tokenizer
        specials = [str(token) for token in tokenizer.added_tokens_decoder.values() if token.special]
        words = sorted({*specials, *map(str, tokenizer.all_special_tokens)}, key=len, reverse=True)
        self._special = re.compile("|".join(re.escape(word) for word in words if word) or r"(?!)")
        self._head, self._end = self._learn_turn()

    def render(self, example: Example) -> Rendered:
        """The whole conversation as text with its trained spans. Raises MaskError."""
        messages = example.messages
        if not any(message.trained for message in messages):
            raise MaskError("no message is trained")
        self._refuse_special_words(messages)
        tools = [tool_schema(tool) for tool in example.tools] or None
        text = self._text(messages, tools)
        spans = [
            self._span(text, messages, turn, tools)
            for turn, message in enumerate(messages)
            if message.trained
        ]
        return Rendered(text, spans)

    def _learn_turn(self) -> tuple[str, str]:
        """What stands between the generation prompt and a reply, and the marker that ends the reply."""
        question, reply = Message(role="user", content="Hi"), Message(role="assistant", content=_PROBE)
        try:
            opened = self._text([question], None, reply_next=True)
            closed = self._text([question, reply], None)
        except MaskError as error:
            raise ModelError(
                f"the chat template fails on a plain question and answer: {error}",
                where=str(self._tokenizer.name_or_path),
            ) from error
        before, _, after = closed.partition(_PROBE)
        marker = self._special.search(after)
        end = after[: marker.end()] if marker else after.rstrip()
        if not before.startswith(opened) or not end.strip():
            raise ModelError(
                "the chat template does not mark where a reply begins and ends",
                where=str(self._tokenizer.name_or_path),
                remedy="use another template: llama-2, llama-3, chatml or agent-flan",
            )
        return before[len(opened) :], end

    def _span(
        self, text: str, messages: Sequence[Message], turn: int, tools: list[dict[str, Any]] | None
    ) -> tuple[int, int]:
        """Characters of the trained reply `turn`: its words and the end-of-turn marker."""
        prompt = self._text(messages[:turn], tools, reply_next=True)
        if not text.startswith(prompt):
            raise MaskError(f"message {turn}: the template writes the text before it differently later")
        message = messages[turn]
        bodies = (
            [self._body_with_calls(text, messages, turn, tools, len(prompt))]
            if message.tool_calls
            else _trimmings(message.content)
        )
        for head in dict.fromkeys(("", self._head)):
            start = len(prompt) + len(head)
            for body in bodies:
                if text.startswith(head + body + self._end, len(prompt)):
                    # Space between prompt and words is the model's to write: it is part of its first token.
                    return start if head.strip() else len(prompt), start + len(body) + len(self._end)
        raise MaskError(f"message {turn}: the template does not write the reply as it is")

    def _body_with_calls(
        self,
        text: str,
        messages: Sequence[Message],
        turn: int,
        tools: list[dict[str, Any]] | None,
        start: int,
    ) -> str:
        """The reply with its native calls, as the template writes them; every part must be found in it."""
        closed = self._text(messages[: turn + 1], tools).rstrip()
        body = closed[start:].removesuffix(self._end)
        if not text.startswith(closed) or len(body) == len(closed) - start:
            raise MaskError(f"message {turn}: the end of its tool calls cannot be told")
        for part in _parts_of_calls(messages[turn]):
            if part not in body:
                raise MaskError(f"message {turn}: the template leaves out {part[:60]!r}")
        return body.removeprefix(self._head)

    def _refuse_special_words(self, messages: Sequence[Message]) -> None:
        """Words that would become control tokens could fake a turn or an end, so no row may hold them."""
        for turn, message in enumerate(messages):
            calls = [json.dumps(call.arguments, ensure_ascii=False) for call in message.tool_calls]
            if found := self._special.search("\n".join([message.content, *calls])):
                raise MaskError(f"message {turn} contains the text of a special token: {found.group()}")

    def _text(
        self, messages: Sequence[Message], tools: list[dict[str, Any]] | None, *, reply_next: bool = False
    ) -> str:
        try:
            rendered = self._tokenizer.apply_chat_template(
                [chat_dict(message) for message in messages],
                tools=tools,  # pyright: ignore[reportArgumentType]
                tokenize=False,
                add_generation_prompt=reply_next,
            )
        except Exception as error:  # the template is a program of the model's; anything may come out of it
            raise MaskError(f"the chat template refuses the conversation: {error}") from error
        return str(rendered)


def chat_dict(message: Message) -> dict[str, Any]:
    """A message in the shape that chat templates expect."""
    fields: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        fields["tool_calls"] = [
            {"type": "function", "function": {"name": call.name, "arguments": dict(call.arguments)}}
            for call in message.tool_calls
        ]
    if message.tool_call_id:
        fields["tool_call_id"] = message.tool_call_id
    if message.name:
        fields["name"] = message.name
    return fields


def tool_schema(tool: Tool) -> dict[str, Any]:
    """A tool in the shape that chat templates expect."""
    function = {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
    return {"type": "function", "function": function}


def _trimmings(content: str) -> list[str]:
    """The ways in which a template may write a content: as it is, or without the space around it."""
    return list(dict.fromkeys((content, content.strip(), content.rstrip(), content.lstrip())))


def _parts_of_calls(message: Message) -> list[str]:
    """Texts that must be found in a rendered reply with native calls."""
    values = [
        json.dumps(value, ensure_ascii=False)[1:-1] if isinstance(value, str) else json.dumps(value)
        for call in message.tool_calls
        for value in call.arguments.values()
        if not isinstance(value, dict | list)
    ]
    return [message.content.strip(), *(call.name for call in message.tool_calls), *values]
