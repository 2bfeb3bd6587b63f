"""A file of trajectories, read as often as it is asked for.

Invariants: memory grows with the ids alone; every row is a trajectory or unreadable, a second row of one id
among the latter.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trajectune.storage import Rejected, read_records
from trajectune.trajectory import Trajectory


class PlayedFile:
    """The trajectories of a JSONL file, and what the last reading found."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.tasks: set[tuple[str, str]] = set()
        """Environment and task of each episode."""
        self.episodes = 0
        self.unreadable: list[Rejected] = []

    def __iter__(self) -> Iterator[Trajectory]:
        self.tasks, self.episodes, self.unreadable = set(), 0, []
        seen: set[str] = set()
        for trajectory in read_records(self.path, Trajectory, self.unreadable):
            if trajectory.id in seen:
                self.unreadable.append(Rejected(0, f"{trajectory.id} stands there twice"))
                continue
            seen.add(trajectory.id)
            self.tasks.add((trajectory.environment, trajectory.task))
            self.episodes += 1
            yield trajectory
