"""How far long work has come, told to whoever wants to show it.

The idea: library code draws nothing. It calls a function with what it is at; `trajectune.run.display` draws
bars, a notebook or a test may do as it likes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Progress:
    """A moment of some work."""

    what: str
    """Name of the work, the same from its beginning to its end."""
    done: int
    total: int | None
    """`None` where nobody knows it beforehand."""
    note: str = ""
    """What else there is to say: `63 % solved`."""


OnProgress = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Tell nobody."""
    del progress


def told(items: Iterable[T], what: str, total: int, on_progress: OnProgress) -> Iterator[T]:
    """The items, with the progress told after each of them."""
    on_progress(Progress(what, 0, total))
    for number, item in enumerate(items, 1):
        yield item
        on_progress(Progress(what, number, total))
