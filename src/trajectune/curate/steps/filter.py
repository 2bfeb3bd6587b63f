"""Which trajectories become training data: the reward filter, and the cap for each task.

The idea: what an agent did is worth learning where its reward reaches the environment's threshold
(AgentTuning, section 2.1.3); a cap keeps easy tasks from crowding out hard ones, and of two episodes
with the same calls one is enough.

Invariants: every episode ends in exactly one column of the funnel; which ones are kept does not depend
on the order of the file. Memory holds a short note for each success, not the trajectories.
"""

from __future__ import annotations

import json
from collections import defaultdict
from hashlib import sha256
from pathlib import Path

from trajectune.curate.funnel import FunnelRow
from trajectune.storage import Rejected, encode, open_atomic, read_records
from trajectune.trajectory import Trajectory


class _Sieve:
    """Counts the episodes of one environment and remembers its successes."""

    def __init__(self, threshold: float) -> None:
        self._threshold = threshold
        self._successes: defaultdict[str, list[tuple[str, bytes]]] = defaultdict(list)
        self._tasks: set[str] = set()
        self._turns: dict[str, int] = {}
        self.environment = ""
        self.episodes = self.errors = self.failures = self.repeated = 0

    def take(self, trajectory: Trajectory) -> None:
        self.environment = trajectory.environment
        self.episodes += 1
        self._tasks.add(trajectory.task)
        if trajectory.reward is None:
            self.errors += 1
        elif trajectory.reward < self._threshold or not trajectory.steps:
            self.failures += 1
        else:
            self._successes[trajectory.task].append((trajectory.id, _calls(trajectory)))
            self._turns[trajectory.id] = len(trajectory.steps)

    def choose(self, per_task: int) -> set[str]:
        """The ids to keep: for each task the first `per_task` that differ in their calls, by id."""
        chosen: set[str] = set()
        for found in self._successes.values():
            first = {calls: name for name, calls in sorted(found, reverse=True)}
            self.repeated += len(found) - len(first)
            chosen.update(sorted(first.values())[:per_task])
        return chosen

    def row(self, chosen: set[str], unreadable: int) -> FunnelRow:
        turns = sum(self._turns[name] for name in chosen)
        return FunnelRow(
            environment=self.environment,
            tasks=len(self._tasks),
            episodes=self.episodes,
            errors=self.errors,
            failures=self.failures,
            repeated=self.repeated,
            over_cap=len(self._turns) - self.repeated - len(chosen),
            kept=len(chosen),
            unreadable=unreadable,
            turns=turns / len(chosen) if chosen else 0.0,
        )


def keep_successes(path: Path, kept: Path, threshold: float, *, per_task: int = 1) -> FunnelRow:
    """Copy the trajectories worth learning from `path` (JSONL, one environment) to `kept`.

    They have a reward of at least `threshold`, and there are at most `per_task` of each task. `kept` is
    written atomically, in the order of `path`. Raises `DataError` when a file cannot be read or written.
    """
    sieve = _Sieve(threshold)
    rejected: list[Rejected] = []
    for trajectory in read_records(path, Trajectory, rejected):
        sieve.take(trajectory)
    chosen = sieve.choose(per_task)
    with open_atomic(kept) as file:
        for trajectory in read_records(path, Trajectory, []):
            if trajectory.id in chosen:
                file.write(encode(trajectory))
    return sieve.row(chosen, len(rejected))


def _calls(trajectory: Trajectory) -> bytes:
    """Equal for trajectories that made the same calls, whatever they thought."""
    marks = sha256()
    for step in trajectory.steps:
        asked = [[call.name, call.arguments] for call in step.calls] or [step.message]
        marks.update(json.dumps(asked, sort_keys=True).encode("utf-8", "surrogatepass"))
        marks.update(b"\n")
    return marks.digest()
