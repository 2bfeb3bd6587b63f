"""One SQLite database in memory in which hostile SQL may run; it lives in a process of its own.

The idea: what a model writes is hostile input. Around a statement stand an authorizer that knows only
reading and changing rows (no ATTACH, no schema changes, no PRAGMA but table facts, no function outside a
list), SQLite's own limits on every size, and a clock that stops it between two operations. What these
cannot reach (one long operation, memory, the rewriting in Python) is held by the limits of the process:
`trajectune.environments.database.engine.server`.

Invariants: a method answers whatever a statement does, short of `MemoryError`; nothing outside this
database is read or written.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from trajectune.environments.database.engine.cells import MAX_CHARS, shown
from trajectune.environments.database.engine.mysql import brackets, rewrite

MAX_STATEMENT = 10_000
"""Longest statement, in bytes."""
MAX_CELL = 100_000
"""Longest string that SQLite may build, in bytes: stops `zeroblob(1e9)` and its kind."""
MAX_BYTES = 16 * 2**20
"""How far the database may grow."""

LIMITS = {
    sqlite3.SQLITE_LIMIT_LENGTH: MAX_CELL,
    sqlite3.SQLITE_LIMIT_SQL_LENGTH: MAX_STATEMENT,
    sqlite3.SQLITE_LIMIT_EXPR_DEPTH: 100,
    sqlite3.SQLITE_LIMIT_COMPOUND_SELECT: 20,
    sqlite3.SQLITE_LIMIT_FUNCTION_ARG: 32,
    sqlite3.SQLITE_LIMIT_ATTACHED: 0,
    sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH: 500,
    sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER: 8,
    sqlite3.SQLITE_LIMIT_TRIGGER_DEPTH: 4,
    sqlite3.SQLITE_LIMIT_WORKER_THREADS: 0,
}
# No printf and format, whose precision loops for seconds inside one call; no random, so that an episode
# can be replayed; no changes and last_insert_rowid, which a database that moved to a new process forgets.
FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        """abs avg ceil ceiling char coalesce concat concat_ws count cume_dist date datetime dense_rank exp
        first_value floor glob group_concat hex if ifnull iif instr julianday lag last_value lead length
        like ln log log10 log2 lower ltrim max min mod nth_value ntile nullif octet_length percent_rank pi
        pow power quote rank replace round row_number rtrim sign sqrt strftime string_agg substr substring
        sum time timediff total trim trunc typeof unhex unicode unixepoch upper zeroblob sqlite_version
        likely unlikely""",
    )
)
PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "foreign_key_list", "index_list"})
READS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
WRITES = frozenset({sqlite3.SQLITE_INSERT, sqlite3.SQLITE_UPDATE, sqlite3.SQLITE_DELETE})

REFUSALS = (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError)
"""What Python's sqlite3 raises for a statement: `ValueError` for NUL and lone surrogates."""

T = TypeVar("T")


class Database:
    """A database made from the `image` that `sqlite3.Connection.serialize` gave; empty from none."""

    def __init__(self, image: bytes) -> None:
        self._deadline = float("inf")
        self._connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=0)
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        if image:
            self._connection.deserialize(image)
        self._connection.execute("PRAGMA temp_store=MEMORY")
        self._connection.execute(f"PRAGMA max_page_count={MAX_BYTES // _page_size(image)}")
        for limit, value in LIMITS.items():
            self._connection.setlimit(limit, value)
        self._connection.set_progress_handler(self._out_of_time, 2_000)
        self._connection.set_authorizer(_authorize)

    @property
    def changes(self) -> int:
        """Rows changed since this object was made."""
        return self._connection.total_changes

    def image(self) -> bytes:
        """The whole database, for `Database(image)`."""
        return self._connection.serialize()

    def close(self) -> None:
        """Free its memory at once."""
        self._connection.close()

    def answer(self, sql: str, seconds: float, whole: bool) -> Mapping[str, Any]:
        """The `rows` of a statement (`whole`), or the `text` that shows them; or an `error`: why not."""
        self._deadline = time.monotonic() + seconds
        try:
            if whole:
                return {"rows": self._mended(sql, sqlite3.Cursor.fetchall)}
            return {"text": self._mended(sql, shown)}
        except sqlite3.OperationalError as error:
            late = "interrupted" in str(error)
            return {"error": f"stopped after {seconds:g} seconds" if late else str(error)[:MAX_CHARS]}
        except REFUSALS as error:
            return {"error": str(error)[:MAX_CHARS]}
        finally:
            self._deadline = float("inf")

    def _mended(self, sql: str, read: Callable[[sqlite3.Cursor], T]) -> T:
        """Run a statement; what SQLite refuses is tried once more in SQLite's words."""
        before = self.changes
        try:
            return read(self._execute(sql))
        except REFUSALS as refusal:
            lost = "no such table" in str(refusal) or self.changes != before or self._out_of_time()
            if lost or (other := rewrite(sql)) is None:
                raise
            try:
                return read(self._execute(other))
            except REFUSALS:
                raise refusal from None  # the agent is told about its own words

    def _execute(self, sql: str) -> sqlite3.Cursor:
        return self._connection.execute(brackets(sql))

    def _out_of_time(self) -> int:
        return int(time.monotonic() > self._deadline)


def _page_size(image: bytes) -> int:
    """Bytes of a page, from the header (where 1 stands for the largest)."""
    size = int.from_bytes(image[16:18]) or 4096
    return 2**16 if size == 1 else size


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Allow reading and changing rows, and facts about tables; refuse everything else."""
    if action in READS:
        allowed = True
    elif action in WRITES:
        allowed = not (first or "").lower().startswith("sqlite_")
    elif action == sqlite3.SQLITE_FUNCTION:
        allowed = (second or "").lower() in FUNCTIONS
    else:
        allowed = action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in PRAGMAS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
