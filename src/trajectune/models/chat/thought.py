"""What was thought before the words: how a template writes it, and where it stands in a reply.

The idea: a template that has a field for thoughts is given them there; its own writing tells with which
marks a thought begins and ends. For all others it is written in words, as many models have met it:
`<think>`, the thought, `</think>`. Some prompts open the thought themselves; the reply then begins in it.

Invariant: a reply in which no thought is found is taken as it is, sign for sign.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from trajectune.example import Message, Span


class Marks(NamedTuple):
    """What stands before and behind a thought."""

    opening: str = "<think>\n"
    closing: str = "\n</think>\n\n"

    def found(self, text: str, start: int, opened: bool) -> Parted | None:
        """The thought with which `text` goes on at `start`; `opened` says that the prompt opened it."""
        first = _skip(text, start)
        begin = start
        if text.startswith(self.opening.strip(), first):
            begin = first + len(self.opening.strip())
        elif not opened:
            return None
        end = text.find(self.closing.strip(), begin)
        if end < 0:
            return Parted(begin, len(text), len(text)) if opened else None
        return Parted(begin, end, _skip(text, end + len(self.closing.strip())))


WORDS = Marks()
"""A thought in words."""


class Parted(NamedTuple):
    """The thought [start, end) of a reply, and where the words begin."""

    start: int
    end: int
    words: int


@dataclass(frozen=True, slots=True)
class Thought:
    """How the replies of one template begin."""

    marks: Marks = WORDS
    head: str = ""
    """What stands before words that no thought precedes, and belongs to the reply: a channel's name."""
    opened: str = ""
    """What the prompt opens a thought with; empty where it opens none."""
    kept: bool = True
    """Whether a thought in words stays in a reply; else it has to be put there."""
    prompt: str = ""
    """The generation prompt: behind results some templates leave it to the model."""

    def part(self, text: str) -> Parted:
        """Where thought and words of a reply stand. An empty thought counts as none."""
        place = len(self.prompt) if self.prompt.strip() and text.startswith(self.prompt) else 0
        found = Parted(place, place, place)
        opened = bool(self.opened)
        while not text[found.start : found.end].strip():
            following = self._next(text, place, opened)
            if following is None:
                break
            found, place, opened = following, following.words, False
        words = _skip(text, place)
        head = self.head.strip()
        return found._replace(words=words + len(head) if head and text.startswith(head, words) else place)

    def undecided(self, text: str) -> bool:
        """Whether a reply that begins so may still turn out to begin with a thought or its head."""
        if self.opened and self.marks.closing.strip() not in text:
            return True
        if self.prompt.strip() and self.prompt.startswith(text):
            return True
        place = self.part(text).words
        rest = text[place:].lstrip()
        for marks in self._marks:
            opening, closing = marks.opening.strip(), marks.closing.strip()
            if opening.startswith(rest) or (rest.startswith(opening) and closing not in rest):
                return True
        head = self.head.strip()
        return bool(place == 0 and head) and head.startswith(rest)

    @property
    def _marks(self) -> Sequence[Marks]:
        return (self.marks,) if self.marks.opening.strip() == WORDS.opening.strip() else (self.marks, WORDS)

    def _next(self, text: str, place: int, opened: bool) -> Parted | None:
        found = (marks.found(text, place, opened) for marks in self._marks)
        return next((one for one in found if one is not None), None)


PLAIN = Thought()
"""Of a template that shows no thoughts: they are in words."""


def apart(message: Message) -> Message:
    """The message with a thought that its words begin with as its reasoning."""
    if message.role != "assistant" or message.reasoning or message.content[:1] not in ("<", "\n", " "):
        return message
    found = WORDS.found(message.content, 0, False)
    if found is None:
        return message
    thought = message.content[found.start : found.end].strip()
    more = {"reasoning": thought, "content": message.content[found.words :]}
    return message.model_copy(update={**more, "spans": _from(message.spans, found.words)})


def with_thought(message: Message) -> str:
    """The words of a message with its thought before them."""
    if not message.reasoning:
        return message.content
    return f"{WORDS.opening}{message.reasoning}{WORDS.closing}{message.content}"


def _from(spans: Sequence[Span], place: int) -> list[Span]:
    """Spans of a text without its first characters."""
    found: list[Span] = []
    for span in spans:
        text = span.text[place:]
        place = max(place - len(span.text), 0)
        found += [span.model_copy(update={"text": text})] if text else []
    return found


def _skip(text: str, place: int) -> int:
    """The first place from here on that is not space."""
    return len(text) - len(text[place:].lstrip())
