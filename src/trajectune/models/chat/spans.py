"""Where the agent's words stand in a rendered conversation, and what each part of them is.

Invariant: parts are painted in order: where two cover a character, the later one counts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from trajectune.example import Capability, Message, Span
from trajectune.models.chat.forms import Block


class MaskError(ValueError):
    """The mask of one example cannot be proven; the example is rejected and counted."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


class Part(NamedTuple):
    """Characters [start, end) of a rendered conversation, and what they are."""

    start: int
    end: int
    capability: Capability
    is_format: bool


@dataclass(frozen=True, slots=True)
class RenderedReply:
    """A trained reply: characters [start, end), its end-of-turn marker included."""

    start: int
    end: int
    parts: tuple[Part, ...] = ()
    """Empty where they are not known."""
    tokens: tuple[int, ...] | None = None
    """The ids that a model of this very tokenizer and template sampled for it; `None` where unknown."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as text, with its trained replies: in order and apart from each other."""

    text: str
    replies: list[RenderedReply]


def plain_parts(
    message: Message, body: str, thought: tuple[int, int], start: int, place: int, end: int
) -> tuple[Part, ...]:
    """The parts of a reply [start, end) whose words, `body`, stand at `place`, and its thought.

    `body` is the message's content, perhaps without the space around it.
    """
    thoughts = _of_thought(thought)
    if not message.spans:
        return tuple(thoughts)
    skipped = message.content.find(body)
    words = _of_spans(message.spans, place - skipped, place, place + len(body))
    return (_form(start, end), *thoughts, *words)


def call_parts(
    message: Message,
    blocks: Sequence[Block],
    thought: tuple[int, int],
    start: int,
    place: int,
    end: int,
) -> tuple[Part, ...]:
    """The parts of a reply [start, end) with calls, whose places in `blocks` count from `place`."""
    parts = [_form(start, end), *_of_thought(thought)]
    words = message.content.strip()
    if words:
        spans = message.spans or [Span.thought(message.content)]
        skipped = message.content.find(words)
        parts += _of_spans(spans, place - skipped, place, place + len(words))
    for found in (found for block in blocks for found in block.calls):
        begin, stop = found.name
        parts.append(Part(place + begin, place + stop, Capability.RETRIEVAL, False))
        for begin, stop in found.values:
            parts.append(Part(place + begin, place + stop, Capability.UNDERSTANDING, False))
    return tuple(parts)


def _of_thought(place: tuple[int, int]) -> list[Part]:
    return [Part(*place, Capability.REASONING, False)] if place[0] < place[1] else []


def _of_spans(spans: Sequence[Span], place: int, first: int, last: int) -> Iterator[Part]:
    """Spans that follow each other from `place` on, cut to the characters [first, last)."""
    for span in spans:
        start, end = max(place, first), min(place + len(span.text), last)
        if start < end:
            yield Part(start, end, span.capability, span.format)
        place += len(span.text)


def _form(start: int, end: int) -> Part:
    """What is not said otherwise: the form that was asked for, the end of the turn."""
    return Part(start, end, Capability.INSTRUCTION_FOLLOWING, True)
