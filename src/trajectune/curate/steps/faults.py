"""Format checks: no trajectory with more faults than a recipe allows.

The idea: an agent may earn its reward in spite of replies that could not be read, of tools that do not
exist, of the same call again and again. Such steps are shown and not trained, but they stand in the context
of the steps that are. This step says how many of which faults (`Fault`) are too many.

Invariant: the verdict on a trajectory depends on its own steps alone.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from trajectune.curate.steps.contract import RowStep, StepOptions
from trajectune.trajectory import Fault, Trajectory

TOO_MANY = "too many faults: {}"
TOO_LARGE = "too large a share of steps with faults: {}"


class FaultsOptions(StepOptions):
    """What `faults` takes."""

    kinds: list[Fault] = Field(default_factory=lambda: [Fault.BAD_FORMAT], min_length=1)
    """Faults that count: `bad_format`, `unknown_tool`, `bad_arguments`, `repetition`, `refusal`."""
    most: Annotated[int, Field(ge=0)] | None = 0
    """Most faults of a trajectory that is kept; empty sets no limit."""
    share: Annotated[float, Field(ge=0, le=1)] | None = None
    """Largest share of its steps with such a fault; empty sets no limit."""


class Faults(RowStep[Trajectory]):
    """Rejects trajectories with too many faults; by default any reply that could not be read."""

    name = "faults"
    level = "trajectories"
    Options = FaultsOptions
    options: FaultsOptions

    def reason(self, row: Trajectory) -> str | None:
        kinds = self.options.kinds
        found = [fault for step in row.steps for fault in step.faults if fault in kinds]
        steps = sum(any(fault in kinds for fault in step.faults) for step in row.steps)
        named = ", ".join(kind.value for kind in kinds)
        if self.options.most is not None and len(found) > self.options.most:
            return TOO_MANY.format(named)
        if self.options.share is not None and steps > self.options.share * len(row.steps):
            return TOO_LARGE.format(named)
        return None
