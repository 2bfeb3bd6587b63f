"""Examples with named faults go: what `trajectune data lint` finds, as a step of a recipe.

`{lint: {drop: [loop, unknown_tool]}}`. Invariant: an example is rejected for the first of its faults, in
the order of `drop`.
"""

from __future__ import annotations

from pydantic import Field

from trajectune.curate.lint.finding import DataFault
from trajectune.curate.lint.lint import lint_example
from trajectune.curate.steps.contract import RowStep, StepOptions
from trajectune.example import Example


class LintOptions(StepOptions):
    """What `lint` takes."""

    drop: list[DataFault] = Field(default=list(DataFault), min_length=1)
    """The faults whose examples are rejected; all of them unless some are named."""


class Lint(RowStep[Example]):
    """Rejects examples that have one of the named faults."""

    name = "lint"
    level = "examples"
    Options = LintOptions
    options: LintOptions

    def reason(self, row: Example) -> str | None:
        found = {finding.fault for finding in lint_example(row)}
        fault = next((fault for fault in self.options.drop if fault in found), None)
        return None if fault is None else f"lint: {fault.value}"
