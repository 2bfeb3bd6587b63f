"""A whole database as bytes, as `sqlite3.Connection.serialize` gives it: made, described and compared.

The idea: a sandbox keeps the image of its database after every change, so its tables are described and
its state is compared here, and no statement runs for it. What an agent put in is bounded (its changes were
made under limits), and tables whose numbers of rows differ are told apart without a look at them.

Invariants: no bytes are an empty database; an image is only read; whether states are equal depends neither
on the order of rows nor on the types in which equal values lie.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from trajectune.environments.database.engine.cells import plain
from trajectune.environments.database.engine.tables import Table, load, quote

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"

State = dict[str, Counter[tuple[str, ...]]]


def image_of(tables: Sequence[Table]) -> bytes:
    """A database with these tables, as `sqlite3.Connection.serialize` gives it; nothing for no tables.

    Raises `ValueError` for what SQLite cannot hold: whole numbers beyond 64 bits, lone surrogates, nested
    values, NaN (which would become NULL), a table without columns.
    """
    if not tables:
        return b""
    connection = sqlite3.connect(":memory:")
    try:
        load(connection, tables)
        connection.commit()
        return connection.serialize()
    except (sqlite3.Error, OverflowError, ValueError) as error:
        names = ", ".join(table.name for table in tables)
        raise ValueError(f"SQLite cannot hold the table {names!r}: {error}") from error
    finally:
        connection.close()


def table_names(image: bytes) -> list[str]:
    """Names of all tables, sorted."""
    with _opened(image) as connection:
        return _names(connection)


def table_info(image: bytes, table: str) -> list[tuple[object, ...]]:
    """Columns of a table: (position, name, type, not null, default, key)."""
    with _opened(image) as connection:
        return connection.execute(f"PRAGMA table_info({quote(table)})").fetchall()


def state_of(image: bytes) -> State:
    """Every table as a multiset of rows, in the form in which states are compared."""
    with _opened(image) as connection:
        return {
            name: Counter(
                tuple(plain(value) for value in row)
                for row in connection.execute(f"SELECT * FROM {quote(name)}")
            )
            for name in _names(connection)
        }


def same_state(left: bytes, right: bytes) -> bool:
    """Whether two images hold the same rows in the same tables, in any order."""
    return left == right or (_sizes(left) == _sizes(right) and state_of(left) == state_of(right))


def _sizes(image: bytes) -> dict[str, int]:
    with _opened(image) as connection:
        count = "SELECT count(*) FROM {}"
        return {
            name: connection.execute(count.format(quote(name))).fetchone()[0] for name in _names(connection)
        }


def _names(connection: sqlite3.Connection) -> list[str]:
    return [name for (name,) in connection.execute(TABLES)]


@contextmanager
def _opened(image: bytes) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        if image:
            connection.deserialize(image)
        yield connection
