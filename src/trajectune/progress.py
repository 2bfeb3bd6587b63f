"""How far long work has come, told to whoever wants to show it.

The idea: library code draws nothing. It calls a function with what it is at; `trajectune.run.display` draws
bars, a notebook or a test may do as it likes. Work that nobody asked for by name (an environment reads its
files when they are first needed) has no such function: it uses `announce`, which reaches whoever listens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
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


_LISTENER: ContextVar[OnProgress] = ContextVar("listener", default=silent)


@contextmanager
def listening(on_progress: OnProgress) -> Iterator[None]:
    """While the block runs, in this thread: what is announced is told to this function."""
    before = _LISTENER.set(on_progress)
    try:
        yield
    finally:
        _LISTENER.reset(before)


def announce(progress: Progress) -> None:
    """Tell whoever listens; nobody, where nobody does."""
    _LISTENER.get()(progress)
