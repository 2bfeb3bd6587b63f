"""Which trajectories become training data: the reward filter, and the cap for each task.

The idea: what an agent did is worth learning where its reward reaches the environment's threshold
(AgentTuning, section 2.1.3); a cap keeps easy tasks from crowding out hard ones, and of two episodes
with the same calls one is enough.

Invariants: every episode gets exactly one verdict; which ones are kept does not depend on the order of the
rows. Memory holds a short note for each success, not the trajectories.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from hashlib import sha256
from typing import Annotated

from pydantic import Field

from trajectune.curate.steps.contract import Context, CurateStep, Reject, StepOptions
from trajectune.trajectory import Trajectory

INFRASTRUCTURE = "infrastructure error"
NO_STEP = "no step"
BELOW = "below the reward threshold"
SAME_CALLS = "the calls of another success"
OVER_CAP = "beyond the number kept per task"


class FilterOptions(StepOptions):
    """What `filter` takes."""

    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """Reward from which an episode is a success; empty means the environment's own."""
    per_task: Annotated[int, Field(ge=1)] = 1
    """Successes kept for each task."""


class Filter(CurateStep[Trajectory]):
    """Keeps successes that differ in their calls, `per_task` of each task."""

    name = "filter"
    level = "trajectories"
    Options = FilterOptions
    options: FilterOptions

    def judge(self, rows: Iterable[Trajectory], context: Context) -> Iterator[Trajectory | Reject]:
        own = self.options.threshold
        threshold = context.threshold if own is None else own
        surplus = self._surplus(rows, threshold)
        for place, row in enumerate(rows):
            reason = shortcoming(row, threshold) or surplus.get(place)
            yield Reject(row.id, reason) if reason else row

    def _surplus(self, rows: Iterable[Trajectory], threshold: float) -> dict[int, str]:
        """The places of the successes that are not needed, with the reason.

        For each task the first ones that differ in their calls stay, by id.
        """
        successes: defaultdict[tuple[str, str], list[tuple[str, int, bytes]]] = defaultdict(list)
        for place, row in enumerate(rows):
            if shortcoming(row, threshold) is None:
                successes[row.environment, row.task].append((row.id, place, _calls(row)))
        surplus: dict[int, str] = {}
        for found in successes.values():
            seen: set[bytes] = set()
            for _, place, calls in sorted(found):
                if calls in seen:
                    surplus[place] = SAME_CALLS
                elif len(seen) >= self.options.per_task:
                    surplus[place] = OVER_CAP
                seen.add(calls)
        return surplus


def shortcoming(trajectory: Trajectory, threshold: float) -> str | None:
    """Why an episode is no success, whatever the others are."""
    if trajectory.reward is None:
        return INFRASTRUCTURE
    if trajectory.reward < threshold:
        return BELOW
    return None if trajectory.steps else NO_STEP


def _calls(trajectory: Trajectory) -> bytes:
    """Equal for trajectories that made the same moves, whatever they thought."""
    marks = sha256()
    for step in trajectory.steps:
        asked = [[call.name, call.arguments] for call in step.calls] or [step.message]
        marks.update(json.dumps(asked, sort_keys=True).encode("utf-8", "surrogatepass"))
        marks.update(b"\n")
    return marks.digest()
