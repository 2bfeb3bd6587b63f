"""One episode's connection to its database, in the process that may be killed.

The idea: a statement is a transaction of its own. It is committed when its answer has been read, and
rolled back where it fails, where it comes too late or where the database would grow too large; so a process
that is killed over a statement has changed nothing.

Invariants: a method answers whatever a statement does, short of `MemoryError`; no more rows are read than
are shown, and a few; messages hold neither the random name of the database nor its password.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection as Session
from sqlalchemy import CursorResult, create_engine, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from trajectune.environments.database.engine.cells import MAX_CHARS, shown
from trajectune.environments.database.engine.fence import MAX_BYTES
from trajectune.environments.database.servers import guard
from trajectune.environments.database.servers.products import ONE_STATEMENT, product_of

LEFT = 200
"""Rows that are read and thrown away behind those that are shown; beyond, a new connection is cheaper."""
LATE = ("statement timeout", "max_statement_time", "maximum statement execution time")
"""How the servers say that they stopped a statement."""
REFUSALS = (SQLAlchemyError, UnicodeError, ValueError)
"""What a statement may raise: `ValueError` is what drivers say to NUL and the like."""
WHOLE = {"no_parameters": True}
STREAMED = {**WHOLE, "stream_results": True, "max_row_buffer": 1}


class Connection:
    """A connection as the episode's user; `place` is what `Server.create` gave."""

    def __init__(self, place: Mapping[str, Any]) -> None:
        url = make_url(place["url"])
        self.changes = 0
        self._name: str = url.username or ""
        self._names: list[str] = place["names"]
        self._size: str = place["size"]
        self._product = product_of(url)
        self._exact: bool = place["exact"]
        self._translates = not place["mysql"]
        self._engine = create_engine(url, poolclass=NullPool, connect_args=ONE_STATEMENT[place["mysql"]])
        self._session: Session | None = None

    def image(self) -> bytes:
        """Nothing: what this database holds stays on its server."""
        return b""

    def close(self) -> None:
        """End the connection."""
        if self._session is not None:
            self._session.close()
        self._session = None

    def answer(self, sql: str, seconds: float, whole: bool) -> Mapping[str, Any]:
        """The `text` that a statement shows; or an `error`: why not. `broken`: the server is not there."""
        del whole  # rows are never sent whole: their types are the driver's
        if reason := guard.refusal(sql):
            return {"error": reason}
        try:
            self._connected()
        except SQLAlchemyError as error:
            return {"broken": self._said(error)}
        try:
            return {"text": self._mended(sql, seconds)}
        except REFUSALS as error:
            return {"error": f"stopped after {seconds:g} seconds" if _late(error) else self._said(error)}

    def _connected(self) -> Session:
        if self._session is None or self._session.invalidated:
            self._session = self._engine.connect()
            self._product.begin(self._session, self._exact)
        return self._session

    def _mended(self, sql: str, seconds: float) -> str:
        """Run a statement; what PostgreSQL refuses is tried once more in its own words."""
        try:
            return self._run(sql, seconds)
        except REFUSALS as error:
            lost = _late(error) or getattr(error, "connection_invalidated", False)
            other = None if lost or not self._translates else guard.postgresql(sql, self._names)
            if other is None or other == sql:
                raise
        return self._run(other, seconds)  # its words about back quotes would help nobody

    def _run(self, sql: str, seconds: float) -> str:
        session = self._connected()
        reads = guard.reads(sql)
        try:
            self._product.limit(session, seconds)
            streams = reads or self._product.streams_changes
            result = session.exec_driver_sql(sql, execution_options=STREAMED if streams else WHOLE)
            text = shown(result) if result.returns_rows else "[]"
            if result.returns_rows and reads and not _ended(result):
                session.invalidate()  # the rest is not read
                return text
            if not reads:
                result.close()
                self._check_size(session)
            session.commit()
        except BaseException:
            if not session.invalidated:
                session.rollback()
            raise
        self.changes += 0 if reads else max(result.rowcount, int(result.returns_rows))
        return text

    def _check_size(self, session: Session) -> None:
        size = int(session.exec_driver_sql(self._size, execution_options=WHOLE).scalar() or 0)
        if size > MAX_BYTES:
            raise ValueError("the database is full")

    def _said(self, error: BaseException) -> str:
        """The server's words, without the names that are drawn anew for every episode."""
        words = _words(error)
        return words.replace(f"{self._name}.", "").replace(self._name, "agent")[:MAX_CHARS]


def _words(error: BaseException) -> str:
    original = getattr(error, "orig", None) or error
    return str(original.args[-1] if original.args else original).partition("\n")[0]


def _late(error: BaseException) -> bool:
    """Whether the server stopped the statement for its time."""
    return any(words in _words(error) for words in LATE)


def _ended(result: CursorResult[Any]) -> bool:
    """Whether the rows end soon."""
    return any(result.fetchone() is None for _ in range(LEFT))
