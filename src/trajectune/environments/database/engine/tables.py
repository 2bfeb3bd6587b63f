"""Tables as plain data, and how they become SQLite.

The idea: every source (generator, dbbench, files) ends in the same few words: tables with typed
columns and rows. Text columns ignore case when compared, as MySQL does by default, so that what an
agent learns here holds on the benchmark's MySQL.

Invariant: loading the same tables twice gives two databases that answer every query alike.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

NUMBER_TYPES = {
    "int": "INTEGER",
    "integer": "INTEGER",
    "float": "REAL",
    "double": "REAL",
    "decimal": "REAL",
}

Value = str | int | float | None


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `type` is a MySQL or SQLite type name (`TEXT`, `INT`, `FLOAT`, `DATE`, …)."""

    name: str
    type: str = "TEXT"


@dataclass(frozen=True, slots=True)
class Table:
    """A named table."""

    name: str
    columns: Sequence[Column]
    rows: Sequence[Sequence[Value]]


@cache
def sqlite_type(mysql_type: str) -> str:
    """SQLite's storage type for a MySQL one: numbers stay numbers, the rest (dates too) is text."""
    word = re.split(r"\W", mysql_type.strip().lower(), maxsplit=1)[0]
    if word.endswith("int"):
        return "INTEGER"
    return NUMBER_TYPES.get(word, "TEXT")


def quote(name: str) -> str:
    """An identifier in back quotes, which both MySQL and SQLite read."""
    return "`" + name.replace("`", "``") + "`"


def literal(value: Value) -> str:
    """A value as an SQL literal."""
    if value is None:
        return "NULL"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return repr(value)


def load(connection: sqlite3.Connection, tables: Sequence[Table]) -> None:
    """Create and fill the tables. Columns of one name get a number behind the second (`Points_2`)."""
    for table in tables:
        names = _distinct([column.name for column in table.columns])
        types = [sqlite_type(column.type) for column in table.columns]
        body = ", ".join(
            f"{quote(name)} {kind}{' COLLATE NOCASE' if kind == 'TEXT' else ''}"
            for name, kind in zip(names, types, strict=True)
        )
        connection.execute(f"CREATE TABLE {quote(table.name)} ({body})")
        if any(value != value for row in table.rows for value in row):
            raise ValueError("a cell is NaN")
        marks = ", ".join("?" * len(names))
        connection.executemany(f"INSERT INTO {quote(table.name)} VALUES ({marks})", table.rows)


def headers(tables: Sequence[Table], quoted: bool = False) -> str:
    """What AgentBench tells an agent about the tables, behind the question; `quoted`: in back quotes."""
    named = [(quote(table.name) if quoted else table.name, _columns(table, quoted)) for table in tables]
    if len(tables) == 1:
        name, columns = named[0]
        return f"The name of this table is {name}, and the headers of this table are {columns}."
    parts = [f"There are {len(tables)} tables involved with this task."]
    for number, (name, columns) in enumerate(named, 1):
        place = ordinal(number)
        parts.append(
            f"The name of the {place} table is {name}, and the headers of this table are {columns}."
        )
    return " ".join(parts)


def _columns(table: Table, quoted: bool) -> str:
    return ",".join(quote(column.name) if quoted else column.name for column in table.columns)


def ordinal(number: int) -> str:
    """A number in order: 1st, 2nd, 3rd, 4th."""
    ending = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _distinct(names: Sequence[str]) -> list[str]:
    taken: set[str] = set()
    out: list[str] = []
    for name in names:
        candidate, number = name, 2
        while candidate.lower() in taken:
            candidate, number = f"{name}_{number}", number + 1
        taken.add(candidate.lower())
        out.append(candidate)
    return out
