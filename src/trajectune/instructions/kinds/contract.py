"""What Self-Instruct needs to know of one environment: how a task is asked for, tried and stored.

The idea: the loop (`trajectune.instructions.invent`) counts, goes on and stops; a kind knows one
environment's files. It writes the prompt of a request, with examples drawn from seed tasks, and makes a
row of what the teacher wrote: the row is run before it is given back.

Invariant: a row that a kind gives back is read and played by its environment, its gold earns the reward,
and doing nothing does not.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from trajectune.instructions.outcome import RefusedError

Row = dict[str, Any]
INCOMPLETE = "a part of the task is missing, or is not what it must be"


@dataclass(frozen=True, slots=True)
class Request:
    """What a teacher is asked."""

    prompt: str
    about: Any = None
    """What the answer is about, for `Kind.tried`: a table, a topic."""
    shown: tuple[str, ...] = ()
    """The questions of its examples; an answer that gives them back is none."""


class Kind(ABC):
    """One environment whose tasks can be written."""

    environment: str
    """Its name."""
    source: str
    """The environment's source that reads the tasks."""
    file: str
    """The file of tasks that `write` leaves in a folder."""

    @abstractmethod
    def request(self, rng: Random, earlier: Sequence[str]) -> Request:
        """The next request; `earlier` are questions that were accepted lately and must not come again."""

    @abstractmethod
    def tried(self, written: Mapping[str, Any], request: Request) -> Row:
        """The row of a task, after it was run. Raises `RefusedError`."""

    @abstractmethod
    def write(self, rows: Sequence[Row], file: Path) -> None:
        """Leave the tasks in a file."""

    @classmethod
    def options(cls, folder: Path) -> dict[str, Any]:
        """The options with which the environment reads the tasks in `folder`."""
        return {"source": cls.source, "path": str(folder / cls.file), "split": "train"}


def text_of(written: Mapping[str, Any], key: str, longest: int, empty: bool = False) -> str:
    """A text that a task must hold. Raises `RefusedError`."""
    value = written.get(key, "" if empty else None)
    if not isinstance(value, str) or len(value) > longest or not (value.strip() or empty):
        raise RefusedError(f"{INCOMPLETE}: {key}")
    return value.strip()


def avoided(earlier: Sequence[str]) -> str:
    """The lines of a prompt that name what must not come again."""
    if not earlier:
        return ""
    lines = "".join(f"- {' '.join(text.split())[:160]}\n" for text in earlier)
    return f"\nThese are there already; write something else:\n{lines}"
