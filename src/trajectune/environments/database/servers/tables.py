"""The tables of a problem as a server gets them.

The idea: they are taken from the problem's image, so that every source of problems can be played anywhere.
Texts are compared without case, as on the benchmark's MySQL: by the collation of MySQL and MariaDB, by the
type `citext` on PostgreSQL. No text may be longer than `MAX_TEXT` bytes, which is what MySQL's TEXT holds.

Invariant: a column gets a number type only where every one of its cells is such a number.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Double,
    LargeBinary,
    MetaData,
    Table,
    Text,
    column,
    func,
)
from sqlalchemy.dialects.postgresql import CITEXT
from sqlalchemy.types import TypeEngine

from trajectune.environments.database.engine.image import table_info, table_names
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.tables import quote

MAX_TEXT = 65_535
"""Bytes of a text that an agent may write."""
CHARACTER = 4
"""Bytes that a character may take."""
MAX_NAME = 64
"""Characters of a name in MySQL; in PostgreSQL one byte less."""
PER_ROW = 64
"""Bytes of a row besides its texts."""

TEXTS = ("CHAR", "CLOB", "TEXT")
NUMBERS = {"INT": int, "REAL": float, "FLOA": float, "DOUB": float}
"""Parts of declared types, as SQLite reads them."""

Rows = list[tuple[object, ...]]


def unholdable(problem: Problem, mysql: bool) -> str:
    """Why no server of this kind can hold a problem's tables; nothing where it can."""
    return _unholdable(problem.image, mysql)


@lru_cache(maxsize=32)  # many questions may be about one database
def _unholdable(image: bytes, mysql: bool) -> str:
    names = table_names(image)
    for name in [*names, *(str(row[1]) for table in names for row in table_info(image, table))]:
        long = len(name) > MAX_NAME if mysql else len(name.encode()) >= MAX_NAME
        if long or not name or (mysql and name != name.rstrip(" ")):
            server = "MySQL" if mysql else "PostgreSQL"
            return f"{server} cannot have the name {name!r} for a table or a column"
    return ""


def tables_of(image: bytes, mysql: bool) -> list[tuple[Table, Rows]]:
    """Every table of a database with its rows, in the order of their names."""
    metadata = MetaData()
    found: list[tuple[Table, Rows]] = []
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        connection.deserialize(image)
        for name in table_names(image):
            rows = connection.execute(f"SELECT * FROM {quote(name)}").fetchall()
            info = [(str(row[1]), str(row[2])) for row in table_info(image, name)]
            found.append(_table(metadata, name, info, rows, mysql))
    return found


def size_of(tables: Sequence[Table], quotes: str) -> str:
    """A query for the bytes that all rows of these tables take, about."""
    return "SELECT " + " + ".join(f"({_table_size(table, quotes)})" for table in tables)


def _table_size(table: Table, quotes: str) -> str:
    texts = [each for each in table.columns if not isinstance(each.type, BigInteger | Double)]
    sizes = [f"COALESCE(octet_length({quoted(each.name, quotes)}), 0)" for each in texts]
    return (
        f"SELECT COALESCE(SUM({' + '.join([str(PER_ROW), *sizes])}), 0) FROM {quoted(table.name, quotes)}"
    )


def quoted(name: str, quotes: str) -> str:
    """A name as it stands in a statement."""
    return f"{quotes}{name.replace(quotes, 2 * quotes)}{quotes}"


def _table(
    metadata: MetaData, name: str, info: Sequence[tuple[str, str]], rows: Rows, mysql: bool
) -> tuple[Table, Rows]:
    cells = [[row[place] for row in rows] for place in range(len(info))]
    kinds = [_kind(declared, values) for (_, declared), values in zip(info, cells, strict=True)]
    columns = [
        Column(title, _type(kind, values, mysql), key=f"c{place}")
        for place, ((title, _), kind, values) in enumerate(zip(info, kinds, cells, strict=True))
    ]
    limits = [] if mysql else _limits(columns)
    shaped = [tuple(_cell(cell, kind) for cell, kind in zip(row, kinds, strict=True)) for row in rows]
    return Table(name, metadata, *columns, *limits), shaped


def _limits(columns: Sequence[Column[object]]) -> list[CheckConstraint]:
    """PostgreSQL's texts have no end of their own."""
    texts = [each for each in columns if isinstance(each.type, CITEXT)]
    return [CheckConstraint(func.octet_length(column(each.name)) <= MAX_TEXT) for each in texts]


def _kind(declared: str, values: Sequence[object]) -> type:
    """`int`, `float`, `bytes` or `str`: what SQLite takes the declared type for, if all cells agree."""
    word = declared.upper()
    present = {type(value) for value in values if value is not None}
    if present == {bytes}:
        return bytes
    if any(part in word for part in TEXTS) or not present <= {int, float}:
        return str
    if present:
        return int if present == {int} else float
    return next((kind for part, kind in NUMBERS.items() if part in word), str)


def _type(kind: type, values: Sequence[object], mysql: bool) -> TypeEngine[Any]:
    if kind is int:
        return BigInteger()
    if kind is float:
        return Double()
    if kind is bytes:
        return LargeBinary(MAX_TEXT)
    if not mysql:
        return CITEXT()
    longest = max((len(str(value)) for value in values), default=0)
    return Text(longest) if longest * CHARACTER > MAX_TEXT else Text()


def _cell(cell: object, kind: type) -> object:
    if kind is str and isinstance(cell, bytes):
        return cell.decode("utf-8", "replace")
    return cell if cell is None else kind(cell)
