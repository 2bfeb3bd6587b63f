"""The forms in which models write tool calls as text, and how each is read.

The idea: a form knows how its calls begin and finds, in a text, each call with the places of its name and
of its arguments. The same search reads a model's reply and labels the tokens of a training row. Which form
a model writes is not configured: its chat template is asked (`trajectune.models.chat.renderer`).

Invariants: reading never raises, whatever a model wrote; what is not wholly a call is not a call.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from trajectune.models.chat.forms.jsoncalls import Place
from trajectune.trajectory import Tool, ToolCall


@dataclass(frozen=True, slots=True)
class FoundCall:
    """A call in a text, and where its parts stand."""

    call: ToolCall
    """With the id that the text gives it, if any."""
    name: Place
    values: tuple[Place, ...]
    """Of the arguments, in order; of strings what is between the quotes."""


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch [start, end) of a text that is calls and nothing else."""

    start: int
    end: int
    calls: tuple[FoundCall, ...]


class CallForm(ABC):
    """One form of calls. Instances have no state."""

    openings: ClassVar[tuple[str, ...]]
    """Texts with which a block may begin."""
    head: ClassVar[str] = ""
    """Another one, which counts at the beginning of a reply alone, perhaps behind a space."""
    close: ClassVar[str] = ""
    """What ends each single call; empty where nothing does."""
    words: ClassVar[tuple[str, ...]] = ()
    """Markers that may be special tokens of the model, and then must survive decoding."""

    @abstractmethod
    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        """The block that begins with the opening at `start`, if it is one."""

    def opening(self, text: str, start: int) -> int:
        """Where the first text from `start` on stands that may begin a block; −1 if there is none."""
        if self.head and start == 0 and text[: len(self.head) + 1].lstrip().startswith(self.head):
            return 0
        found = [place for word in self.openings if (place := text.find(word, start)) >= 0]
        return min(found, default=-1)

    def blocks(self, text: str, tools: Sequence[Tool] = ()) -> list[Block]:
        """All blocks, in order. `tools` tell what type an argument is where the text does not."""
        found: list[Block] = []
        place = self.opening(text, 0)
        while place >= 0:
            block = self.block(text, place, tools)
            if block is not None:
                found.append(block)
            place = self.opening(text, place + 1 if block is None else block.end)
        return found

    def read(self, text: str, tools: Sequence[Tool] = ()) -> tuple[str, list[ToolCall]]:
        """The text outside of calls (whole where there is none), and the calls."""
        blocks = self.blocks(text, tools)
        if not blocks:
            return text, []
        edges = [0, *(block.end for block in blocks)]
        ends = [*(block.start for block in blocks), len(text)]
        outside = [text[start:end].rstrip() for start, end in zip(edges, ends, strict=True)]
        return "".join(outside), [found.call for block in blocks for found in block.calls]

    def agrees(self, text: str, found: FoundCall, call: ToolCall) -> bool:
        """Whether what was found in `text` is how `call` looks in this form."""
        del text
        return found.call.same_as(call)

    def certain(self, text: str, start: int) -> int:
        """Up to where a text that may go on, shown up to `start`, is certainly no part of a block."""
        opened = self.opening(text, start)
        if opened >= 0:
            return opened
        if start == 0 and len(text) <= len(self.head) and self.head.startswith(text.lstrip()):
            return 0  # its head may be under way
        return len(text) - max((overlap(text, word) for word in self.openings), default=0)


class NoCalls(CallForm):
    """Of a reply in which no call is looked for: all of it is words."""

    openings = ()

    def block(self, text: str, start: int, tools: Sequence[Tool]) -> Block | None:
        del text, start, tools
        return None


def overlap(text: str, marker: str) -> int:
    """Length of the longest end of `text` that is a beginning, and not the whole, of `marker`."""
    sizes = range(min(len(text), len(marker) - 1), 0, -1)
    return next((size for size in sizes if text.endswith(marker[:size])), 0)
