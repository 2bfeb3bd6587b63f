"""Databases out of MySQL dumps."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import sqlglot
from sqlglot import expressions as exp
from sqlglot.errors import SqlglotError

from trajectune.environments.database.engine.tables import quote
from trajectune.errors import DataError


def read_dump(path: Path) -> dict[str, bytes]:
    """The databases of a MySQL dump, each as an image that `sqlite3.Connection.deserialize` takes.

    Only tables and rows are taken over; keys, engines and views are not needed to answer questions.
    Statements that do not convert are left out when others of the dump do.
    """
    databases: dict[str, sqlite3.Connection] = {}
    current: sqlite3.Connection | None = None
    for statement in statements(path.read_text(encoding="utf-8", errors="replace")):
        if match := re.match(r"USE\s+`?([^`;]+)`?", statement, re.I):
            current = databases.setdefault(match[1].strip(), sqlite3.connect(":memory:"))
        elif current is not None and re.match(r"(CREATE TABLE|INSERT)\b", statement, re.I):
            _convert(current, statement)
    if not databases:
        raise DataError(
            "The dump holds no database.",
            where=str(path),
            remedy="It must have USE `name`; before the tables.",
        )
    images = {name: connection.serialize() for name, connection in databases.items()}
    for connection in databases.values():
        connection.close()
    return images


def _convert(connection: sqlite3.Connection, statement: str) -> None:
    try:
        for tree in sqlglot.parse(statement, read="mysql"):
            if isinstance(tree, exp.Create):
                connection.execute(_create(tree))
            elif tree is not None:
                connection.execute(tree.sql(dialect="sqlite"))
    except (SqlglotError, sqlite3.Error):
        return  # a view, or a constraint that SQLite does not know


def _create(tree: exp.Create) -> str:
    schema = tree.this
    columns = [
        f"{quote(column.name)} {_type(column)} COLLATE NOCASE"
        for column in schema.expressions
        if isinstance(column, exp.ColumnDef)
    ]
    return f"CREATE TABLE {quote(schema.this.name)} ({', '.join(columns)})"


def _type(column: exp.ColumnDef) -> str:
    """The type in SQLite's words, which knows no list of allowed values."""
    kind = column.args["kind"]
    return "TEXT" if kind.this in (exp.DType.ENUM, exp.DType.SET) else kind.sql(dialect="sqlite")


TOKEN = re.compile(
    r"(?P<comment>/\*.*?\*/|(?<![^\s;])--(?!\S)[^\n]*|#[^\n]*)"
    r"|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`|[^'\"`;/#-]+|.",
    re.S,
)
"""A comment, a text or a name in its quotes, or what stands between them."""


def statements(text: str) -> Iterator[str]:
    """Cut a dump at the semicolons outside quotes, comments removed."""
    parts: list[str] = []
    for match in TOKEN.finditer(text + ";"):
        if match[0] == ";":
            if statement := "".join(parts).strip():
                yield statement
            parts = []
        elif not match["comment"]:
            parts.append(match[0])
