"""From a file of trajectories to the file of those that become training data.

Invariants: the file is streamed, memory grows with its ids alone; every row of it is in the funnel: kept,
rejected or unreadable, a second row of one id among the latter.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from trajectune.curate.funnel import FunnelRow
from trajectune.curate.steps.apply import Chain
from trajectune.curate.steps.contract import Context, CurateStep
from trajectune.storage import Rejected, encode, open_atomic, read_records
from trajectune.trajectory import Trajectory


def sift(path: Path, kept: Path, steps: Sequence[CurateStep[Trajectory]], context: Context) -> FunnelRow:
    """Copy the trajectories of `path` (JSONL) that pass the steps to `kept`, in their order.

    `kept` is written atomically. Raises `DataError` when a file cannot be read or written, or when a step
    loses rows.
    """
    played = _Played(path)
    chain = Chain(steps, played, context)
    number = moves = 0
    with open_atomic(kept) as file:
        for trajectory in chain:
            file.write(encode(trajectory))
            number += 1
            moves += len(trajectory.steps)
    return FunnelRow(
        source=context.source,
        tasks=len(played.tasks),
        episodes=played.episodes,
        rejected=dict(Counter(rejection.reason for rejection in chain.rejected)),
        kept=number,
        unreadable=len(played.unreadable),
        turns=moves / number if number else None,
    )


class _Played:
    """The trajectories of a file, read anew each time, and what the last reading found."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.tasks: set[tuple[str, str]] = set()
        self.episodes = 0
        self.unreadable: list[Rejected] = []

    def __iter__(self) -> Iterator[Trajectory]:
        self.tasks, self.episodes, self.unreadable = set(), 0, []
        seen: set[str] = set()
        for trajectory in read_records(self._path, Trajectory, self.unreadable):
            if trajectory.id in seen:
                self.unreadable.append(Rejected(0, f"{trajectory.id} stands there twice"))
                continue
            seen.add(trajectory.id)
            self.tasks.add((trajectory.environment, trajectory.task))
            self.episodes += 1
            yield trajectory
