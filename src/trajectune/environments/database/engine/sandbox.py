"""One SQLite database in memory in which hostile SQL may run.

The idea: what a model writes is hostile input. Three fences stand around a statement: an authorizer
that knows only reading and changing rows (no ATTACH, no schema changes, no PRAGMA but table facts, no
function outside a list), SQLite's own limits on every size, and a clock that stops a statement.

Invariants: `run` never raises for anything a statement does, and returns within about `seconds`;
nothing outside this database is read or written; at most `MAX_CHARS` characters come back.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trajectune.environments.database.engine.tables import Table, load, quote

MAX_CHARS = 800
"""Longest output, as in AgentBench; the rest is cut and `[TRUNCATED]` says so."""
MAX_STATEMENT = 10_000
MAX_CELL = 100_000
"""Longest string that SQLite may build, in bytes: stops `zeroblob(1e9)` and its kind."""
MAX_BYTES = 16 * 2**20
"""How far the database may grow."""
HEAP_BYTES = 512 * 2**20
"""Memory for all SQLite of this process (SQLite knows no limit for one connection)."""

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
# No printf and format, whose precision loops for seconds inside one call, where the clock cannot reach;
# no random, so that an episode can be replayed.
FUNCTIONS = frozenset(
    re.findall(
        r"\w+",
        """abs avg ceil ceiling char coalesce concat concat_ws count cume_dist date datetime dense_rank exp
        first_value floor glob group_concat hex if ifnull iif instr julianday lag last_value lead length
        like ln log log10 log2 lower ltrim max min mod nth_value ntile nullif octet_length percent_rank pi
        pow power quote rank replace round row_number rtrim sign sqrt strftime string_agg substr substring
        sum time timediff total trim trunc typeof unhex unicode unixepoch upper zeroblob changes
        last_insert_rowid total_changes sqlite_version likely unlikely""",
    )
)
PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "foreign_key_list", "index_list"})
ACTIONS = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_RECURSIVE,
    }
)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a statement gave: the client's text, and whether it is an error."""

    text: str
    failed: bool = False


class Sandbox:
    """A database from `tables`, or from the `image` that `sqlite3.Connection.serialize` gave."""

    def __init__(
        self, tables: Sequence[Table] = (), image: bytes | None = None, seconds: float = 2.0
    ) -> None:
        self.seconds = seconds
        self._deadline = float("inf")
        self._connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._connection.text_factory = lambda raw: raw.decode("utf-8", "replace")
        if image is not None:
            self._connection.deserialize(image)
        load(self._connection, tables)
        self._connection.execute(f"PRAGMA hard_heap_limit={HEAP_BYTES}")
        page = self._connection.execute("PRAGMA page_size").fetchone()[0]
        self._connection.execute(f"PRAGMA max_page_count={MAX_BYTES // page}")
        for limit, value in LIMITS.items():
            self._connection.setlimit(limit, value)
        self._connection.set_progress_handler(self._out_of_time, 2_000)
        self._connection.set_authorizer(_authorize)

    @property
    def changes(self) -> int:
        """Rows changed so far; equal numbers mean an equal state."""
        return self._connection.total_changes

    def run(self, sql: str) -> Answer:
        """Run one statement as the MySQL client of AgentBench shows it: `[(1, 'a'), (2, 'b')]`."""
        self._deadline = time.monotonic() + self.seconds
        try:
            return Answer(_shown(self._connection.execute(brackets(sql))))
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                return Answer(f"Error: stopped after {self.seconds:g} seconds", failed=True)
            return Answer(f"Error: {error}"[:MAX_CHARS], failed=True)
        except MemoryError:
            return Answer("Error: out of memory", failed=True)
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            return Answer(f"Error: {error}"[:MAX_CHARS], failed=True)
        finally:
            self._deadline = float("inf")

    def query(self, sql: str) -> list[tuple[object, ...]]:
        """All rows of a statement of our own (a gold query); raises `sqlite3.Error`."""
        self._deadline = time.monotonic() + 10 * self.seconds
        try:
            return self._connection.execute(brackets(sql)).fetchall()
        finally:
            self._deadline = float("inf")

    def table_names(self) -> list[str]:
        """Names of all tables, sorted."""
        rows = self._connection.execute(
            "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name"
        )
        return [row[0] for row in rows]

    def table_info(self, name: str) -> list[tuple[object, ...]]:
        """Columns of a table: (position, name, type, not null, default, key)."""
        return self._connection.execute(f"PRAGMA table_info({quote(name)})").fetchall()

    def state(self) -> dict[str, Counter[tuple[str, ...]]]:
        """Every table as a multiset of rows, in the form in which states are compared."""
        return {
            name: Counter(
                tuple(plain(value) for value in row)
                for row in self._connection.execute(f"SELECT * FROM {quote(name)}")
            )
            for name in self.table_names()
        }

    def close(self) -> None:
        """Drop the database. Closing again does nothing."""
        self._connection.close()

    def _out_of_time(self) -> int:
        return int(time.monotonic() > self._deadline)


QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)+`")


def brackets(sql: str) -> str:
    """The statement with `name` as [name]: SQLite takes an unknown name in back quotes for a text.

    MySQL answers it with an error, and a misspelt column must be an error here too.
    """

    def rewritten(match: re.Match[str]) -> str:
        name = match[0][1:-1]
        simple = match[0][0] == "`" and "`" not in name and "]" not in name
        return f"[{name}]" if simple else match[0]

    return QUOTED.sub(rewritten, sql)


INTEGER = re.compile(r"[+-]?\d{1,40}", re.A)
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.I | re.A)


def plain(value: object) -> str:
    """A cell as text, so that `7`, `7.0` and `'7'` are one value, whatever column type holds them."""
    if value is None:
        return "\0null"
    text = str(value).strip()
    if INTEGER.fullmatch(text):
        return str(int(text))
    if not NUMBER.fullmatch(text):
        return text  # float() would take "nan" and "1_0" too
    number = float(text)
    return str(int(number)) if number.is_integer() and abs(number) < 1e19 else repr(number)


def _shown(rows: Iterable[tuple[object, ...]]) -> str:
    """Rows as Python tuples, read no further than they are shown."""
    parts: list[str] = []
    length = 2
    for row in rows:
        parts.append(repr(tuple(row)))
        length += len(parts[-1]) + 2
        if length > MAX_CHARS + 2:
            break
    text = f"[{', '.join(parts)}]"
    return text if len(text) <= MAX_CHARS else text[:MAX_CHARS] + "[TRUNCATED]"


def _authorize(action: int, first: str | None, second: str | None, *_: str | None) -> int:
    """Allow reading and changing rows, and facts about tables; refuse everything else."""
    if action in ACTIONS:
        writes = action not in (sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE)
        allowed = not (writes and (first or "").lower().startswith("sqlite_"))
    elif action == sqlite3.SQLITE_FUNCTION:
        allowed = (second or "").lower() in FUNCTIONS
    else:
        allowed = action == sqlite3.SQLITE_PRAGMA and (first or "").lower() in PRAGMAS
    return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY
