"""Files of trajectories as preference pairs: which episodes are set against each other, and the account.

The idea: only a task with a success and a failure has a pair. On either side the episodes with the fewest
faults and steps come first: a failure without a fault says most about what went wrong. A task gives up to
`per_task` pairs, with both sides taking turns.

Invariants: the same files give the same pairs, in whatever order their rows stand; tasks in = tasks with
pairs + tasks without, each of these with one reason. Memory holds the episodes of the tasks that have both.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path

from trajectune.curate.pairs.pair import Form, NoPairError, Pair, make_pair
from trajectune.curate.played import PlayedFile
from trajectune.curate.steps.filter import INFRASTRUCTURE, shortcoming
from trajectune.dialects.contract import Dialect
from trajectune.trajectory import Trajectory

TaskKey = tuple[str, str]
NO_SUCCESS = "no attempt succeeded"
NO_FAILURE = "no attempt failed"
NO_ATTEMPT = "no attempt that can be judged"
MOST_TRIED = 64
"""Pairs of one task that are tried before it is given up."""


@dataclass(slots=True)
class PairCount:
    """What became of the tasks."""

    pairs: int = 0
    tasks: int = 0
    """Tasks with at least one pair."""
    without: Counter[str] = field(default_factory=Counter)
    """Tasks without one, by reason."""
    unreadable: int = 0
    """Rows that are no trajectories, or repeat one."""


@dataclass(frozen=True, slots=True)
class PairSettings:
    """How pairs are made."""

    dialect_of: Callable[[str], Dialect]
    """The dialect to render in, by environment."""
    threshold_of: Callable[[str], float]
    """The reward from which an episode is a success, by environment."""
    per_task: int = 1
    form: Form = "episode"


def make_pairs(path: Path, settings: PairSettings, count: PairCount) -> Iterator[Pair]:
    """The pairs of a file of trajectories, by task. `count` is filled on the way.

    Raises `DataError` when the file cannot be read.
    """
    played = PlayedFile(path)
    outcomes: defaultdict[TaskKey, set[str]] = defaultdict(set)
    for row in played:
        outcomes[row.environment, row.task].add(_judged(row, settings))
    count.unreadable += len(played.unreadable)
    both = {key for key, found in outcomes.items() if {"success", "failure"} <= found}
    count.without.update(_why_not(found) for key, found in outcomes.items() if key not in both)
    contested: defaultdict[TaskKey, list[Trajectory]] = defaultdict(list)
    for row in played:
        if (row.environment, row.task) in both:
            contested[row.environment, row.task].append(row)
    for key in sorted(contested):
        pairs, reason = _of_task(contested.pop(key), settings)
        count.pairs += len(pairs)
        count.tasks += bool(pairs)
        count.without.update([reason] if reason else [])
        yield from pairs


def _judged(row: Trajectory, settings: PairSettings) -> str:
    reason = shortcoming(row, settings.threshold_of(row.environment))
    if reason is None:
        return "success"
    return "neither" if reason == INFRASTRUCTURE or not row.steps else "failure"


def _why_not(found: set[str]) -> str:
    if "success" in found:
        return NO_FAILURE
    return NO_SUCCESS if "failure" in found else NO_ATTEMPT


def _of_task(rows: Sequence[Trajectory], settings: PairSettings) -> tuple[list[Pair], str]:
    """Up to `per_task` pairs of a task; where there are none, the reason of the first that was tried."""
    successes = _ranked(rows, "success", settings)
    failures = _ranked(rows, "failure", settings)
    dialect = settings.dialect_of(rows[0].environment)
    found: list[Pair] = []
    reason = ""
    for place, other in _in_turn(len(successes), len(failures)):
        if len(found) == settings.per_task:
            break
        try:
            found.append(make_pair(successes[place], failures[other], dialect, settings.form))
        except NoPairError as error:
            reason = reason or str(error)
    return found, "" if found else reason


def _ranked(rows: Sequence[Trajectory], judged: str, settings: PairSettings) -> list[Trajectory]:
    """The episodes of one side, the cleanest and shortest first."""
    own = [row for row in rows if _judged(row, settings) == judged]
    return sorted(
        own, key=lambda row: (sum(len(step.faults) for step in row.steps), len(row.steps), row.id)
    )


def _in_turn(successes: int, failures: int) -> list[tuple[int, int]]:
    """Places of both sides, the first ones first, both sides moving on; at most `MOST_TRIED`."""
    places = sorted(product(range(successes), range(failures)), key=lambda each: (sum(each), each))
    return places[:MOST_TRIED]
