"""Examples with named faults go: what `trajectune data lint` finds, as a step of a recipe.

`{lint: {drop: [loop, unknown_tool]}}`. Invariant: an example is rejected for the first of its faults, in
the order of `drop`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from pydantic import Field

from trajectune.curate.lint.finding import DataFault
from trajectune.curate.lint.lint import lint_example
from trajectune.curate.steps.contract import Context, CurateStep, Reject, StepOptions
from trajectune.example import Example


class LintOptions(StepOptions):
    """What `lint` takes."""

    drop: list[DataFault] = Field(default=list(DataFault), min_length=1)
    """The faults whose examples are rejected; all of them unless some are named."""


class Lint(CurateStep[Example]):
    """Rejects examples that have one of the named faults."""

    name = "lint"
    level = "examples"
    Options = LintOptions
    options: LintOptions

    def judge(self, rows: Iterable[Example], context: Context) -> Iterator[Example | Reject]:
        del context
        for row in rows:
            found = {finding.fault for finding in lint_example(row)}
            fault = next((fault for fault in self.options.drop if fault in found), None)
            yield row if fault is None else Reject(row.id, f"lint: {fault.value}")
