"""An example as text: where each trained reply stands in the context that a model meets it in.

The idea: the text of `messages[:i]` with the generation prompt is what a model sees before it writes reply
`i`; in the text of the conversation up to the last reply each one must stand right behind its prompt, then
the template's end-of-turn marker.

Invariants: a trained reply is found only by this match, never by searching for words, so equal words
elsewhere cannot mislead it; a call is trained only where it reads back as the message's; where a match
fails, `MaskError` says why. A template that writes the past differently later gets a text of its own for
each reply that needs one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

from trajectune.errors import ModelError
from trajectune.example import Example, Message
from trajectune.models.chat.forms import CallForm
from trajectune.models.chat.spans import MaskError, Part, Rendered, RenderedReply, call_parts, plain_parts
from trajectune.models.chat.words import Written, tool_schema
from trajectune.trajectory import Tool


class Template(Protocol):
    """What must be known of a chat template (`trajectune.models.chat.renderer.ChatRenderer`)."""

    special: re.Pattern[str]

    @property
    def digest(self) -> str: ...

    @property
    def form(self) -> CallForm: ...

    @property
    def turn(self) -> tuple[str, str]: ...

    @property
    def call_end(self) -> str: ...

    def written(self, messages: Sequence[Message], tools: Sequence[Tool]) -> list[Written]: ...

    def text(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), *, opened: bool = False
    ) -> str: ...


def contexts(template: Template, example: Example) -> list[Rendered]:
    """See `ChatRenderer.render`."""
    _refuse_special_words(template.special, example)
    return _Conversation(template, example).contexts()


class _Place(NamedTuple):
    """Where a reply stands in a text."""

    start: int
    words: int
    """Behind what the template puts in front of them."""
    last: int
    """The end of its words and calls."""
    end: int
    """Behind the end-of-turn marker."""


class _Conversation:
    """One example on its way to text."""

    def __init__(self, template: Template, example: Example) -> None:
        turns = template.written(example.messages, example.tools)
        self._template, self._tools = template, example.tools
        self._written = [turn.message for turn in turns]
        self._origins = [turn.origin for turn in turns]
        self._sampled = bool(example.template) and example.template == template.digest
        self._prompts: dict[int, str] = {}

    def contexts(self) -> list[Rendered]:
        """As few texts as hold all trained replies where a model would meet them."""
        left = [turn for turn, message in enumerate(self._origins) if message.trained]
        if not left:
            raise MaskError("no message is trained")
        found: list[Rendered] = []
        while left:
            text = self._text(left[-1] + 1)
            proven = {turn: self._attempt(text, turn) for turn in left[:-1]}
            replies = [reply for reply in proven.values() if reply is not None]
            found.append(Rendered(text, [*replies, self._reply(text, left[-1])]))
            left = [turn for turn, reply in proven.items() if reply is None]
        return found[::-1]

    def _text(self, count: int, *, opened: bool = False) -> str:
        try:
            return self._template.text(self._written[:count], self._tools, opened=opened)
        except ModelError as error:
            raise MaskError(error.what) from error

    def _attempt(self, text: str, turn: int) -> RenderedReply | None:
        try:
            return self._reply(text, turn)
        except MaskError:
            return None

    def _reply(self, text: str, turn: int) -> RenderedReply:
        """The trained reply `turn` in the text of a conversation that holds it."""
        if turn not in self._prompts:
            self._prompts[turn] = self._text(turn, opened=True)
        prompt, message = self._prompts[turn], self._origins[turn]
        if not text.startswith(prompt):
            raise MaskError(f"message {turn}: the template writes the text before it differently later")
        found = self._find(text, turn, len(prompt))
        parts = self._parts(text, turn, found)
        tokens = tuple(message.tokens) if self._sampled and message.tokens is not None else None
        return RenderedReply(found.start, found.end, parts, tokens)

    def _find(self, text: str, turn: int, opened: int) -> _Place:
        """Where the reply stands behind its prompt, which ends at `opened`. Raises MaskError."""
        head, end = self._template.turn
        if self._origins[turn].tool_calls and self._template.call_end:
            return self._find_calls(text, turn, opened, head)
        for lead in dict.fromkeys(("", head)):
            for body in _trimmings(self._written[turn].content):
                if text.startswith(lead + body + end, opened):
                    # Space between prompt and words is the model's to write: it is part of its first token.
                    words = opened + len(lead)
                    start, last = words if lead.strip() else opened, words + len(body)
                    return _Place(start, words, last, last + len(end))
        raise MaskError(f"message {turn}: the template does not write the reply as it is")

    def _find_calls(self, text: str, turn: int, opened: int, head: str) -> _Place:
        """The reply up to the marker: only the template knows how it writes calls."""
        last = text.find(self._template.call_end, opened)
        if last < 0:
            raise MaskError(f"message {turn}: the end of its tool calls cannot be told")
        body = text[opened:last]
        lead = head if head.strip() and body.startswith(head) else body[: len(body) - len(body.lstrip())]
        words = opened + len(lead)
        return _Place(words if lead.strip() else opened, words, last, last + len(self._template.call_end))

    def _parts(self, text: str, turn: int, at: _Place) -> tuple[Part, ...]:
        """What each part of the reply is. Raises MaskError where calls do not read back as they are."""
        message, form, body = self._origins[turn], self._template.form, text[at.words : at.last]
        if not message.tool_calls:
            return plain_parts(message, body, at.start, at.words, at.end)
        blocks = form.blocks(body, self._tools)
        found = [one for block in blocks for one in block.calls]
        pairs = zip(found, message.tool_calls, strict=False)
        if len(found) != len(message.tool_calls) or not all(form.agrees(body, *pair) for pair in pairs):
            raise MaskError(f"message {turn}: the template does not write its tool calls as they are")
        if form.read(body, self._tools)[0].strip() != message.content.strip():
            raise MaskError(f"message {turn}: the template does not write the words beside its tool calls")
        return call_parts(message, blocks, at.start, at.words, at.end)


def _refuse_special_words(special: re.Pattern[str], example: Example) -> None:
    """Words that would become control tokens could fake a turn or an end, so no row may hold them."""
    for turn, message in enumerate(example.messages):
        calls = [json.dumps(call.arguments, ensure_ascii=False) for call in message.tool_calls]
        if found := special.search("\n".join([message.content, *calls])):
            raise MaskError(f"message {turn} contains the text of a special token: {found.group()}")
    for tool in example.tools:
        if found := special.search(json.dumps(tool_schema(tool), ensure_ascii=False)):
            raise MaskError(f"the tool {tool.name} contains the text of a special token: {found.group()}")


def _trimmings(content: str) -> list[str]:
    """The ways in which a template may write a content: as it is, or without the space around it."""
    return list(dict.fromkeys((content, content.strip(), content.rstrip(), content.lstrip())))
