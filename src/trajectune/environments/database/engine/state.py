"""The rows of two databases, compared.

The idea: a sandbox keeps the image of its database after every change, so states are compared here and no
statement is run for it. What an agent put in is bounded (its changes were made under limits), and tables
whose numbers of rows differ are told apart without a look at them.

Invariants: only reading; nothing depends on the order of rows or on the types in which equal values lie.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager

from trajectune.environments.database.engine.cells import plain
from trajectune.environments.database.engine.tables import quote

TABLES = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"

State = dict[str, Counter[tuple[str, ...]]]


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
            name: connection.execute(count.format(quote(name))).fetchone()[0]
            for name in _names(connection)
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
