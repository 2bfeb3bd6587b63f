"""One database in which hostile SQL may run, as the rest of the environment uses it.

The idea: the database is open in a process that is killed when a statement goes beyond its limits
(`trajectune.environments.database.engine.server`); kept here is its image after the last change, with
which it is opened when it is first used, and again when its process has ended. A statement that ended its
process has changed nothing.

Invariants: `run` never raises for anything a statement does, and answers within `seconds` and half a
second; at most 300 MB of memory are used, nothing outside this database is read or written, at most
`MAX_CHARS` characters come back. An object is used by one thread at a time.
"""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trajectune.environments.database.engine.fence import MAX_STATEMENT
from trajectune.environments.database.engine.image import State, image_of, state_of
from trajectune.environments.database.engine.processes import (
    PROCESSES,
    Process,
    ProcessEndedError,
    ProcessGoneError,
)
from trajectune.environments.database.engine.tables import Table

SECONDS = 2.0
"""What a statement may take, where nothing else is said."""
TRUSTED = 10
"""How many times as long our own statements may take."""

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave: the client's text, and whether it is an error."""

    text: str
    failed: bool = False


class Sandbox:
    """A database from `tables`, or from the `image` that `sqlite3.Connection.serialize` gave.

    Raises `ValueError` for tables that SQLite cannot hold.
    """

    def __init__(
        self, tables: Sequence[Table] = (), image: bytes | None = None, seconds: float = SECONDS
    ) -> None:
        self.seconds = seconds
        self.changes = 0
        """Rows changed so far; equal numbers mean an equal state."""
        self.image = image_of(tables) if image is None else image
        """The database after the last change."""
        self._number = next(_numbers)
        self._process: Process | None = None
        self._closed = False

    def run(self, sql: str) -> Answer:
        """Run one statement as the MySQL client of AgentBench shows it: `[(1, 'a'), (2, 'b')]`.

        What SQLite refuses is tried once more in its own words.
        """
        try:
            return Answer(self._ask(sql, self.seconds, whole=False)["text"])
        except sqlite3.Error as error:
            return Answer(f"Error: {error}", failed=True)

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """All rows of a statement of our own (a gold query); raises `sqlite3.Error`."""
        return [tuple(row) for row in self._ask(sql, TRUSTED * self.seconds, whole=True)["rows"]]

    def state(self) -> State:
        """Every table as a multiset of rows, in the form in which states are compared."""
        return state_of(self.image)

    def close(self) -> None:
        """Drop the database. Closing again does nothing."""
        if self._process is not None:
            self._process.forget(self._number)
        self._process, self.image, self._closed = None, b"", True

    def __del__(self) -> None:
        if hasattr(self, "_process"):  # else `__init__` had raised
            self.close()

    def _ask(self, sql: str, seconds: float, whole: bool) -> dict[str, Any]:
        """The answer to one statement; raises `sqlite3.Error` for all that it may do wrong."""
        if self._closed:
            raise sqlite3.ProgrammingError("the database is closed")
        if len(sql) > MAX_STATEMENT:
            raise sqlite3.DataError(f"the statement is longer than {MAX_STATEMENT} characters")
        request = {"number": self._number, "sql": sql, "seconds": seconds, "whole": whole}
        try:
            answer, image = self._handled(request)
        except ProcessEndedError as end:
            raise sqlite3.OperationalError(str(end)) from None
        self.changes += answer["changed"]
        self.image = image or self.image
        if "error" in answer:
            raise sqlite3.OperationalError(answer["error"])
        return answer

    def _handled(self, request: dict[str, Any]) -> tuple[dict[str, Any], bytes]:
        while True:  # ends: whenever a process is gone, it has ended over the statement of another
            opened = self._process is not None and self._process.alive
            if self._process is None or not opened:
                self._process = PROCESSES.take()
            try:
                return self._process.ask(request, b"" if opened else self.image)
            except ProcessGoneError:
                continue
