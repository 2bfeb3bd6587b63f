"""One problem of the database environment, whatever source it came from, and conditions on its rows.

Invariant: a problem with `answers` is a question, one without is a change judged by the state that
`gold` leaves.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from trajectune.environments.database.engine.image import image_of
from trajectune.environments.database.engine.tables import Table, Value, literal, quote

Operator = Literal["=", ">", "<", "LIKE"]

CHANGES = ("insert", "update", "delete")
"""Kinds of task that change the tables."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What an episode needs, and what its expert knows.

    Raises `ValueError` for tables that SQLite cannot hold.
    """

    question: str
    """As the agent sees it, with the tables' names and headers."""
    kind: str
    gold: str
    """The statement that solves it; may be empty where a source has none that runs."""
    answers: Sequence[str] | None = None
    """The values to commit; `None` for a change."""
    tables: Sequence[Table] = ()
    image: bytes = b""
    """The database, as `sqlite3.Connection.serialize` gives it; made of `tables` where it is left out."""

    shows: str | None = None
    """What `gold` shows an agent, where the source has run it."""
    answer_md5: str = ""
    """AgentBench's hash of the rows that `gold` leaves, where the source has one."""

    def __post_init__(self) -> None:
        if not self.image:
            object.__setattr__(self, "image", image_of(self.tables))


@dataclass(frozen=True, slots=True)
class Condition:
    """`column operator value`; text is compared without case, as the tables do."""

    column: str
    operator: Operator
    value: Value

    def sql(self, alias: str = "") -> str:
        """The condition in a WHERE clause."""
        value = f"%{self.value}%" if self.operator == "LIKE" else self.value
        return f"{alias}{quote(self.column)} {self.operator} {literal(value)}"

    def holds(self, cell: Value) -> bool:
        """Whether a row with this cell is meant."""
        if cell is None or self.value is None:
            return False
        if isinstance(cell, str) or isinstance(self.value, str):
            left, right = str(cell).lower(), str(self.value).lower()
            return right in left if self.operator == "LIKE" else left == right
        return {"=": cell == self.value, ">": cell > self.value, "<": cell < self.value}[self.operator]


def where_sql(conditions: Sequence[Condition], alias: str = "") -> str:
    """The WHERE clause with a leading space, or nothing."""
    if not conditions:
        return ""
    return " WHERE " + " AND ".join(condition.sql(alias) for condition in conditions)
