"""From a file of trajectories to the file of those that become training data.

Invariants: the file is streamed, memory grows with its ids alone; every row of it is in the funnel: kept,
rejected or unreadable. Who succeeded is counted beside the steps, whatever they are and in whatever order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from trajectune.curate.funnel import FunnelRow
from trajectune.curate.played import PlayedFile
from trajectune.curate.steps.apply import Chain
from trajectune.curate.steps.contract import Context, CurateStep
from trajectune.curate.steps.filter import INFRASTRUCTURE, Filter, shortcoming
from trajectune.storage import encode, open_atomic
from trajectune.trajectory import Trajectory


def sift(path: Path, kept: Path, steps: Sequence[CurateStep[Trajectory]], context: Context) -> FunnelRow:
    """Copy the trajectories of `path` (JSONL) that pass the steps to `kept`, in their order.

    `kept` is written atomically. Raises `DataError` when a file cannot be read or written, or when a step
    loses rows.
    """
    played = PlayedFile(path)
    judged = _Judged(played, _threshold(steps, context))
    chain = Chain(steps, judged, context)
    number = moves = 0
    with open_atomic(kept) as file:
        for trajectory in chain:
            file.write(encode(trajectory))
            number += 1
            moves += len(trajectory.steps)
    environments = {environment for environment, _ in played.tasks}
    return FunnelRow(
        source=context.source,
        environment=environments.pop() if len(environments) == 1 else "",
        tasks=len(played.tasks),
        episodes=played.episodes,
        infrastructure_errors=judged.count[INFRASTRUCTURE],
        passed=judged.count[None],
        rejected=dict(Counter(rejection.reason for rejection in chain.rejected)),
        kept=number,
        unreadable=len(played.unreadable),
        turns=moves / number if number else None,
    )


def _threshold(steps: Sequence[CurateStep[Trajectory]], context: Context) -> float:
    """The reward that counts as a success: the filter's own, where it has one."""
    given = (step.options.threshold for step in steps if isinstance(step, Filter))
    return next((each for each in given if each is not None), context.threshold)


class _Judged:
    """Trajectories, and how many of the last reading fell short of a success, and why; `None`: did not."""

    def __init__(self, rows: Iterable[Trajectory], threshold: float) -> None:
        self._rows = rows
        self._threshold = threshold
        self.count: Counter[str | None] = Counter()

    def __iter__(self) -> Iterator[Trajectory]:
        self.count = Counter()
        for row in self._rows:
            self.count[shortcoming(row, self._threshold)] += 1
            yield row
