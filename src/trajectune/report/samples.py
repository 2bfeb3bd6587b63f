"""Sample trajectories for the page: the same task before and after tuning, side by side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trajectune.trajectory import Trajectory


@dataclass(frozen=True, slots=True)
class Sample:
    """One task as the model played it before and after."""

    before: Trajectory | None
    after: Trajectory | None

    @property
    def shown(self) -> Trajectory:
        """Whichever there is; for the task's name and problem."""
        trajectory = self.after or self.before
        if trajectory is None:
            raise ValueError("a sample needs at least one trajectory")
        return trajectory


def choose_samples(
    before: Iterable[Trajectory], after: Iterable[Trajectory], limit: int = 6
) -> list[Sample]:
    """Samples that tell most: newly solved ones and failures in turn, environments and kinds spread out.

    Deterministic. Episodes that the infrastructure broke are left out.
    """
    old = {_key(each): each for each in before if not each.outcome.is_infrastructure_error}
    new = {_key(each): each for each in after if not each.outcome.is_infrastructure_error}
    samples = [Sample(old.get(key), new.get(key)) for key in sorted(old.keys() | new.keys())]
    groups: dict[tuple[bool, str, str], list[Sample]] = {}
    for sample in samples:
        last = sample.shown
        groups.setdefault((not last.reward, last.environment, last.kind), []).append(sample)
    solved = [group for key, group in sorted(groups.items()) if not key[0]]
    failed = [group for key, group in sorted(groups.items()) if key[0]]
    return _in_turn([_in_turn(solved), _in_turn(failed)])[:limit]


def _in_turn(groups: list[list[Sample]]) -> list[Sample]:
    longest = max((len(group) for group in groups), default=0)
    return [group[i] for i in range(longest) for group in groups if i < len(group)]


def _key(trajectory: Trajectory) -> tuple[str, str, int]:
    return trajectory.environment, trajectory.task, trajectory.seed
