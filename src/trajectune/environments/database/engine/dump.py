"""MySQL dumps as SQLite databases.

The idea: a dump is cut into statements; tables and rows are taken over, keys and engines are not needed to
answer questions. Bytes (`_binary '…'`) that are UTF-8 become text, which compares with text as it does in
MySQL; other bytes become a blob.

Invariant: a statement that holds more than settings is read whole, or rejected with its line and a reason.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import sqlglot
from sqlglot import expressions as exp

from trajectune.environments.database.engine.tables import quote
from trajectune.errors import DataError
from trajectune.storage import Rejected

USE = re.compile(r"USE\s+`?([^`;]+)`?", re.I)
CONTENT = re.compile(r"(CREATE\s+TABLE|INSERT|REPLACE)\b", re.I)
SETTINGS = re.compile(
    r"(SET|LOCK|UNLOCK|DROP|GRANT|REVOKE|FLUSH|ANALYZE|BEGIN|START|COMMIT|CREATE\s+(DATABASE|SCHEMA|USER|ROLE)"
    r"|ALTER\s+DATABASE|ALTER\s+TABLE\s+\S+\s+(DIS|EN)ABLE\s+KEYS)\b",
    re.I,
)
"""Statements without content of their own."""
TOKEN = re.compile(
    r"(?P<comment>/\*.*?\*/|(?<![^\s;])--(?!\S)[^\n]*|#[^\n]*)"
    r"|'(?:[^'\\]|\\.|'')*'|\"(?:[^\"\\]|\\.|\"\")*\"|`[^`]*`|[^'\"`;/#-]+|.",
    re.S,
)
"""A comment, a text or a name in its quotes, or what stands between them."""


@dataclass(frozen=True, slots=True)
class Dump:
    """What a dump holds: databases by name, as images, and the statements that could not be read."""

    images: dict[str, bytes]
    rejected: list[Rejected] = field(default_factory=list)


def read_dump(path: Path) -> Dump:
    """Read a dump with one or more databases, each behind `USE`."""
    rejected: list[Rejected] = []
    databases: dict[str, sqlite3.Connection] = {}
    current: sqlite3.Connection | None = None
    for line, statement in statements(path.read_text(encoding="utf-8", errors="surrogateescape")):
        if match := USE.match(statement):
            current = databases.setdefault(match[1].strip(), sqlite3.connect(":memory:"))
        elif not SETTINGS.match(statement) and (reason := _refused(current, statement)):
            begin = " ".join(statement[:60].encode("utf-8", "replace").decode().split())
            rejected.append(Rejected(line, f"{path.name}, line {line}, {begin!r}: {reason}"))
    if not databases:
        raise DataError(
            "The dump holds no database.",
            where=str(path),
            remedy="It must have USE `name`; before the tables.",
        )
    return Dump({name: _image(connection) for name, connection in databases.items()}, rejected)


def statements(text: str) -> Iterator[tuple[int, str]]:
    """Cut a dump at the semicolons outside quotes, comments removed: (its first line, statement)."""
    parts: list[str] = []
    line, begin = 1, 0
    for match in TOKEN.finditer(text + ";"):
        token = match[0]
        if token == ";":
            if statement := "".join(parts).strip():
                yield begin, statement
            parts, begin = [], 0
        elif not match["comment"]:
            parts.append(token)
            if not begin and (rest := token.lstrip()):
                begin = line + token[: -len(rest)].count("\n")
        line += token.count("\n")


def _image(connection: sqlite3.Connection) -> bytes:
    connection.execute("PRAGMA user_version=1")  # a database without any page has no image
    connection.commit()
    image = connection.serialize()
    connection.close()
    return image


def _refused(connection: sqlite3.Connection | None, statement: str) -> str:
    """Take a statement over, or say why not."""
    if not CONTENT.match(statement):
        return "neither a table nor rows"
    if connection is None:
        return "it stands before any USE"
    try:
        for tree in sqlglot.parse(re.sub(r"^REPLACE\b", "INSERT", statement, flags=re.I), read="mysql"):
            if isinstance(tree, exp.Create):
                connection.execute(_create(tree))
            elif tree is not None:
                connection.execute(_rows(tree).sql(dialect="sqlite"))
    except UnicodeEncodeError:
        return "a text in it is not UTF-8"
    except Exception as error:  # sqlglot raises much besides its own errors
        return f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"[:200]
    return ""


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


def _rows(tree: exp.Expr) -> exp.Expr:
    """The statement with its texts as SQLite reads them: no character sets, no NUL inside quotes."""
    for node in list(tree.find_all(exp.Introducer, exp.National)):
        value = node.expression if isinstance(node, exp.Introducer) else exp.Literal.string(node.name)
        if node.name.lower() == "_binary" and isinstance(value, exp.Literal):
            value = _bytes(value.name.encode("utf-8", "surrogateescape"))
        node.replace(value)
    for node in list(tree.find_all(exp.Literal)):
        if "\0" in node.name:
            node.replace(exp.cast(exp.HexString(this=node.name.encode().hex()), "TEXT"))
    return tree


def _bytes(raw: bytes) -> exp.Expr:
    """A text where the bytes are one, else a blob."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        text = "\0"
    return exp.HexString(this=raw.hex()) if "\0" in text else exp.Literal.string(text)
