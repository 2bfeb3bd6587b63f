"""Steps one after another: what comes out at the end, and what each of them did.

Invariants: what one step keeps is what the next is given; a step that gives fewer or more verdicts than it
was given rows is an error. `Chain` holds no row in memory, `apply_steps` all of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Generic

from trajectune.curate.steps.contract import (
    Context,
    CurateStep,
    Reject,
    Rejection,
    RowT,
    StepCount,
)


@dataclass(frozen=True, slots=True)
class Curated(Generic[RowT]):
    """The rows that passed all steps, with the account of each step."""

    rows: list[RowT]
    counts: list[StepCount]
    rejected: list[Rejection]


def apply_steps(
    steps: Sequence[CurateStep[RowT]], rows: Iterable[RowT], context: Context | None = None
) -> Curated[RowT]:
    """Put rows through steps of their level. Raises `DataError` where a step loses rows."""
    chain = Chain(steps, list(rows), context or Context())
    kept = list(chain)
    return Curated(kept, chain.counts, chain.rejected)


class Chain(Generic[RowT]):
    """The rows that pass all steps, read from `rows` whenever they are asked for.

    `rows` gives the same rows each time it is read (a list does, an iterator does not). A step that looks
    at all rows before it judges has everything before it read once more.
    """

    def __init__(self, steps: Sequence[CurateStep[RowT]], rows: Iterable[RowT], context: Context) -> None:
        self._passed: list[_Passed[RowT]] = []
        self._rows = rows
        for step in steps:
            self._passed.append(_Passed(step, self._rows, context))
            self._rows = self._passed[-1]

    def __iter__(self) -> Iterator[RowT]:
        return iter(self._rows)

    @property
    def counts(self) -> list[StepCount]:
        """The account of each step. Raises `RuntimeError` before the rows were read to their end."""
        return [passed.count for passed in self._passed]

    @property
    def rejected(self) -> list[Rejection]:
        """The rows that did not pass, in the order of the steps."""
        return [rejection for passed in self._passed for rejection in passed.rejected]


class _Passed(Generic[RowT]):
    """The rows that pass one step, judged anew whenever they are read."""

    def __init__(self, step: CurateStep[RowT], rows: Iterable[RowT], context: Context) -> None:
        self.rejected: list[Rejection] = []
        """Of the last complete reading, as `count` is."""
        self._step = step
        self._rows = rows
        self._context = context
        self._count: StepCount | None = None

    @property
    def count(self) -> StepCount:
        if self._count is None:
            raise RuntimeError(f"the rows of the curate step {self._step.name!r} were not read yet")
        return self._count

    def __iter__(self) -> Iterator[RowT]:
        rows = _Counted(self._rows)
        rejected: list[Rejection] = []
        kept = 0
        for verdict in self._step.judge(rows, self._context):
            if isinstance(verdict, Reject):
                rejected.append(Rejection(verdict.id, self._context.source, verdict.reason))
            else:
                kept += 1
                yield verdict
        reasons = Counter(rejection.reason for rejection in rejected)
        self._count = StepCount(self._step.name, rows.size(), kept, reasons)
        self.rejected = rejected


class _Counted(Generic[RowT]):
    """Rows that may be read again, and how many they are."""

    def __init__(self, rows: Iterable[RowT]) -> None:
        self._rows = rows
        self._size: int | None = None

    def __iter__(self) -> Iterator[RowT]:
        number = 0
        for row in self._rows:
            number += 1
            yield row
        self._size = number

    def size(self) -> int:
        """How many rows there are, also where a step stopped before the last one."""
        return sum(1 for _ in self._rows) if self._size is None else self._size
