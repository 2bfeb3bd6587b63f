"""Sample trajectories for the page: a task as several systems played it, and what data were made of."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from trajectune.trajectory import Trajectory

Key = tuple[str, str, int, int]
"""Suite, task, attempt and seed: what makes two episodes comparable."""


@dataclass(frozen=True, slots=True)
class Sample:
    """One task as systems played it, in the order of the page; `None` where one did not."""

    suite: str
    played: Mapping[str, Trajectory | None]
    """By name of system; at least one is there."""

    @property
    def shown(self) -> Trajectory:
        """The last that there is: for the task's name and problem."""
        return next(each for each in reversed(list(self.played.values())) if each is not None)


def choose_samples(
    played: Mapping[str, Mapping[str, Iterable[Trajectory]]], limit: int = 6
) -> list[Sample]:
    """Samples that tell most, of the episodes of two systems or more: `played[system][suite]`.

    The first and the last system are shown. Episodes that the last one solved and did not solve come in
    turn, suites and kinds of task spread out. Deterministic; episodes that the infrastructure broke are
    omitted.
    """
    names = list(played)
    ends = dict.fromkeys([*names[:1], *names[-1:]])
    found = {name: _by_key(played[name]) for name in ends}
    groups: dict[tuple[bool, str, str], list[Sample]] = {}
    for key in sorted(set[Key]().union(*found.values())):
        sample = Sample(key[0], {name: episodes.get(key) for name, episodes in found.items()})
        last = sample.shown
        groups.setdefault((not last.reward, sample.suite, last.kind), []).append(sample)
    solved = [group for key, group in sorted(groups.items()) if not key[0]]
    failed = [group for key, group in sorted(groups.items()) if key[0]]
    return _in_turn([_in_turn(solved), _in_turn(failed)])[:limit]


def _in_turn(groups: list[list[Sample]]) -> list[Sample]:
    longest = max((len(group) for group in groups), default=0)
    return [group[i] for i in range(longest) for group in groups if i < len(group)]


def _by_key(suites: Mapping[str, Iterable[Trajectory]]) -> dict[Key, Trajectory]:
    return {
        (suite, each.task, each.attempt, each.seed): each
        for suite, episodes in suites.items()
        for each in episodes
        if not each.outcome.is_infrastructure_error
    }


def choose_gathered(source: str, episodes: Iterable[Trajectory], kept: Collection[str]) -> list[Sample]:
    """Of a source the first episode that became training data, and the worst that did not, as far as any.

    `kept` are the ids of the former. Episodes without a move and those that the infrastructure broke are
    not shown.
    """
    chosen: dict[bool, tuple[float, str, Trajectory]] = {}
    for each in episodes:
        if each.steps and each.reward is not None:
            is_kept = each.id in kept
            rank = (0.0 if is_kept else each.reward, each.id, each)
            chosen[is_kept] = min(chosen.get(is_kept, rank), rank, key=lambda ranked: ranked[:2])
    names = {True: "became training data", False: "was rejected"}
    return [
        Sample(source, {name: chosen[is_kept][2]}) for is_kept, name in names.items() if is_kept in chosen
    ]
