"""Pass rates over several attempts: tasks that are neither always nor never solved.

The idea: where a recipe plays each task several times (`environments.*.attempts`), the share of attempts
that succeed says how hard the task is for this agent. What is always solved teaches little, what is never
solved has nothing to teach from; a recipe asks for what lies between, `pass_rate: {above: 0, below: 1}`.
The verdict is on the task: all its attempts stay or go, and `filter` behind this step chooses among them.

Invariants: attempts that the infrastructure failed do not count; verdicts do not depend on the order of the
rows. Memory holds two counts for each task. Named before `filter`, which removes the failures that the rate
is made of.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Annotated, Self

from pydantic import Field, model_validator

from trajectune.curate.steps.contract import Context, CurateStep, Reject, StepOptions
from trajectune.curate.steps.filter import INFRASTRUCTURE, shortcoming
from trajectune.trajectory import Trajectory

TOO_FEW = "its task has too few attempts"
TOO_HARD = "its task is solved too rarely"
TOO_EASY = "its task is solved too often"


class PassRateOptions(StepOptions):
    """What `pass_rate` takes."""

    above: Annotated[float, Field(ge=0, lt=1)] | None = 0.0
    """Tasks with this pass rate or a lower one are rejected; empty sets no limit."""
    below: Annotated[float, Field(gt=0, le=1)] | None = 1.0
    """Tasks with this pass rate or a higher one are rejected; empty sets no limit."""
    least_attempts: Annotated[int, Field(ge=1)] = 1
    """Attempts without which a rate says nothing; those that the infrastructure failed do not count."""
    threshold: Annotated[float, Field(ge=0, le=1)] | None = None
    """Reward from which an attempt is a success; empty means the environment's own."""

    @model_validator(mode="after")
    def _some_rate_is_left(self) -> Self:
        if self.above is not None and self.below is not None and self.above >= self.below:
            raise ValueError(f"no pass rate is above {self.above} and below {self.below}")
        return self


class PassRate(CurateStep[Trajectory]):
    """Keeps the attempts at tasks whose pass rate lies between two bounds, without the bounds."""

    name = "pass_rate"
    level = "trajectories"
    Options = PassRateOptions
    options: PassRateOptions

    def judge(self, rows: Iterable[Trajectory], context: Context) -> Iterator[Trajectory | Reject]:
        own = self.options.threshold
        threshold = context.threshold if own is None else own
        attempts: Counter[tuple[str, str]] = Counter()
        passed: Counter[tuple[str, str]] = Counter()
        for row in rows:
            fault = shortcoming(row, threshold)
            attempts[row.environment, row.task] += fault != INFRASTRUCTURE
            passed[row.environment, row.task] += fault is None
        for row in rows:
            task = row.environment, row.task
            reason = self._reason(passed[task], attempts[task])
            if row.reward is None:
                reason = INFRASTRUCTURE
            yield Reject(row.id, reason) if reason else row

    def _reason(self, passed: int, attempts: int) -> str | None:
        """What speaks against a task."""
        above, below = self.options.above, self.options.below
        if attempts < self.options.least_attempts:
            return TOO_FEW
        if above is not None and passed <= above * attempts:
            return TOO_HARD
        return TOO_EASY if below is not None and passed >= below * attempts else None
