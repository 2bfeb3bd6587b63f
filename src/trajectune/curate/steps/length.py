"""Length limits: trajectories of so many steps and so many characters.

The idea: a conversation that does not fit into a training row loses its end there, and an agent that took
thirty steps where five would do teaches detours. Characters are those of the whole trajectory, what the
agent was shown and what it said, before a dialect adds its own; tokens are limited by `tune.max_tokens`,
which knows the tokenizer.

Invariant: the verdict on a trajectory depends on itself alone.
"""

from __future__ import annotations

import json
from typing import Annotated, Self

from pydantic import Field, model_validator

from trajectune.curate.steps.contract import RowStep, StepOptions
from trajectune.trajectory import Step, Trajectory

TOO_FEW_STEPS = "fewer steps than asked for"
TOO_MANY_STEPS = "more steps than allowed"
TOO_LONG = "more characters than allowed"


class LengthOptions(StepOptions):
    """What `length` takes."""

    least_steps: Annotated[int, Field(ge=0)] = 1
    """Fewest steps."""
    most_steps: Annotated[int, Field(ge=1)] | None = None
    """Most steps; empty sets no limit."""
    most_characters: Annotated[int, Field(ge=1)] | None = None
    """Most characters of problem, thoughts, calls and observations together; empty sets no limit."""

    @model_validator(mode="after")
    def _some_length_is_left(self) -> Self:
        if self.most_steps is not None and self.most_steps < self.least_steps:
            raise ValueError(f"most_steps ({self.most_steps}) is below least_steps ({self.least_steps})")
        return self


class Length(RowStep[Trajectory]):
    """Rejects trajectories that are too short or too long."""

    name = "length"
    level = "trajectories"
    Options = LengthOptions
    options: LengthOptions

    def reason(self, row: Trajectory) -> str | None:
        steps, options = len(row.steps), self.options
        if steps < options.least_steps:
            return TOO_FEW_STEPS
        if options.most_steps is not None and steps > options.most_steps:
            return TOO_MANY_STEPS
        if options.most_characters is not None and characters(row) > options.most_characters:
            return TOO_LONG
        return None


def characters(trajectory: Trajectory) -> int:
    """Characters of the rules, the problem, and all that was said and seen."""
    opening = len(trajectory.instruction) + len(trajectory.observation)
    return opening + sum(map(_characters_of, trajectory.steps))


def _characters_of(step: Step) -> int:
    if not step.actions:
        return len(step.words) + len(step.answer)
    calls = sum(len(call.name) + len(json.dumps(call.arguments, ensure_ascii=False)) for call in step.calls)
    return len(step.thought) + calls + len(step.answer)
