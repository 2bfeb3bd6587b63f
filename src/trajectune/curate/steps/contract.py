"""The contract of a curate step: of each row it says whether it goes on, and if not, why.

The idea: a step reads rows and gives one verdict for each: the row that goes on (as it was, or changed), or
a `Reject` with its id and the reason. It works either on trajectories, before a dialect renders them, or on
examples, after. Rows are read from their source whenever a step asks, also more than once, so that a step
may look at all of them before it judges the first, and need not hold them.

Invariant, tested by property for every step: rows in = kept + rejected. A step that breaks it is an error,
never a silent loss.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict

from trajectune.errors import DataError
from trajectune.example import Example
from trajectune.trajectory import Trajectory

Level = Literal["trajectories", "examples"]
RowT = TypeVar("RowT", Trajectory, Example)


class StepOptions(BaseModel):
    """Base of the options that a recipe may set on a step: unknown ones are errors."""

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, slots=True)
class Reject:
    """The verdict on a row that does not go on."""

    id: str
    """The row's."""
    reason: str
    """A few words, the same for all rows that are rejected for it: counts go by them."""


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that did not go on, and why."""

    id: str
    source: str
    reason: str


@dataclass(frozen=True, slots=True)
class StepCount:
    """What a step did with its rows; `rows_in == kept + rejected.total()`."""

    step: str
    rows_in: int
    kept: int
    rejected: Counter[str] = field(default_factory=Counter)
    """Rows by the reason against them."""

    def __post_init__(self) -> None:
        lost = self.rows_in - self.kept - self.rejected.total()
        if lost:
            raise DataError(
                f"the curate step {self.step!r} was given {self.rows_in} rows and gave "
                f"{self.kept + self.rejected.total()} verdicts",
                remedy="`judge` must yield one verdict for each row: the row, or Reject(row.id, reason)",
            )


@dataclass(frozen=True, slots=True)
class Context:
    """What a step may know of the rows besides themselves."""

    source: str = ""
    """The recipe's name for where they come from."""
    threshold: float = 1.0
    """The reward from which an episode of their environment counts as a success."""


class CurateStep(ABC, Generic[RowT]):
    """One step. Built from its checked options; it holds no state between two uses."""

    name: ClassVar[str]
    level: ClassVar[Level]
    Options: ClassVar[type[StepOptions]] = StepOptions

    def __init__(self, options: StepOptions | None = None) -> None:
        self.options = self.Options() if options is None else options

    @abstractmethod
    def judge(self, rows: Iterable[RowT], context: Context) -> Iterator[RowT | Reject]:
        """One verdict for each row, in the order of `rows`, which may be read more than once."""

    def files(self) -> list[str]:
        """Files that its verdicts depend on besides the rows: their content counts as its options do."""
        return []


class RowStep(CurateStep[RowT]):
    """A step whose verdict on a row depends on that row alone."""

    @abstractmethod
    def reason(self, row: RowT) -> str | None:
        """What speaks against a row; `None` where nothing does."""

    def judge(self, rows: Iterable[RowT], context: Context) -> Iterator[RowT | Reject]:
        del context
        for row in rows:
            reason = self.reason(row)
            yield row if reason is None else Reject(row.id, reason)
