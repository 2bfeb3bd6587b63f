"""A whole file of conversations as trajectories, and the account of it.

Invariants: rows in = trajectories + refused, each refused with its line and the reason; rows with one id
are attempts at one task, in their order; memory grows with the ids alone.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from trajectune.curate.formats import read_numbered
from trajectune.curate.importing.conversation import DIALECT, NotImportedError, to_trajectory
from trajectune.curate.importing.proof import Sameness, words_again
from trajectune.dialects.contract import Dialect
from trajectune.environments.registry import find_dialect
from trajectune.storage import Rejected, RejectedSink
from trajectune.trajectory import Trajectory


@dataclass(slots=True)
class Imported:
    """What became of the rows of a file."""

    rows: Counter[str] = field(default_factory=Counter)
    """Trajectories by environment."""
    steps: Counter[str] = field(default_factory=Counter)
    """Their steps by environment: the agent's turns, without those of a demonstration."""
    turns: Counter[Sameness] = field(default_factory=Counter)
    """The same steps by how their words come back when they are written again."""
    refused: Counter[str] = field(default_factory=Counter)
    """Rows that are no trajectory, by reason."""

    @property
    def share(self) -> float | None:
        """The share of the rows that became trajectories; `None` where there was none."""
        total = self.rows.total() + self.refused.total()
        return self.rows.total() / total if total else None


def import_trajectories(
    path: Path | str, count: Imported, rejected: RejectedSink, format: str | None = None
) -> Iterator[Trajectory]:
    """Stream the conversations of a file, of any known format, as trajectories.

    `count` is filled on the way; refused rows and rows that cannot be read go to `rejected` too. Raises
    `DataError` when the file cannot be read or no row has a known format.
    """
    unread = _Counted(rejected, count.refused)
    attempts: Counter[tuple[str, str]] = Counter()
    for numbered in read_numbered(path, unread, format=format):
        example = numbered.example
        try:
            trajectory = _attempt(to_trajectory(example), attempts)
        except NotImportedError as error:
            count.refused[str(error)] += 1
            rejected.append(Rejected(numbered.line, f"{example.id}: {error}"))
            continue
        count.rows[trajectory.environment] += 1
        count.steps[trajectory.environment] += len(trajectory.steps)
        for way, number in words_again(trajectory, example, dialect_of(trajectory.environment)).items():
            assert way is not None  # `to_trajectory` has refused such a row
            count.turns[way] += number
        yield trajectory


@cache
def dialect_of(environment: str) -> Dialect:
    """What the released conversations of an environment are written in."""
    return find_dialect(DIALECT, environment)


def _attempt(trajectory: Trajectory, attempts: Counter[tuple[str, str]]) -> Trajectory:
    """The trajectory under the number that it has among those of its task."""
    task = trajectory.environment, trajectory.task
    number = attempts[task]
    attempts[task] += 1
    numbered = {"id": f"{'/'.join(task)}/{number}", "attempt": number}
    return trajectory.model_copy(update=numbered) if number else trajectory


class _Counted:
    """Hands rejected rows on, and counts them under one reason."""

    def __init__(self, sink: RejectedSink, reasons: Counter[str]) -> None:
        self._sink = sink
        self._reasons = reasons

    def append(self, row: Rejected, /) -> None:
        self._reasons["no conversation that can be read"] += 1
        self._sink.append(row)
