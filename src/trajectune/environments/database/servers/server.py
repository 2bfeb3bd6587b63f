"""A database server as its administrator sees it: databases of episodes come and go.

The idea: one connection of the administrator makes and drops databases, each with a user of its own, and
reads the rows that an episode has left. Databases of programs that ended without dropping theirs are
dropped when the next program connects (`Product.alive`).

Invariants: an agent's statement never runs on a connection of the administrator; no message holds a
password; whatever is made here is dropped by `drop`, at the end of this program, or by the next one.
"""

from __future__ import annotations

import atexit
import os
import secrets
import threading
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import URL, BigInteger, Connection, Table, create_engine, select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from trajectune.environments.database.engine.cells import plain
from trajectune.environments.database.engine.image import State
from trajectune.environments.database.servers.address import is_mysql
from trajectune.environments.database.servers.product import new_name, new_run
from trajectune.environments.database.servers.products import product_of
from trajectune.environments.database.servers.tables import Rows, size_of, tables_of
from trajectune.errors import EpisodeError, UnavailableError


@dataclass(frozen=True, slots=True)
class Place:
    """An episode's database on a server."""

    name: str
    tables: tuple[Table, ...]
    told: Mapping[str, Any] = field(repr=False)
    """What the process is told that runs the statements (`Connection`); it holds the user's password."""


class Server:
    """The server behind a URL. Connecting drops what earlier programs left behind.

    Raises `UnavailableError` where it cannot be used. Safe to use from several threads.
    """

    def __init__(self, url: URL) -> None:
        self._url = url
        self._mysql = is_mysql(url)
        self._product = product_of(url)
        self._lock = threading.Lock()
        self._live: dict[str, str] = {}  # databases that are there, with their users' passwords
        self._lent: dict[str, Place] = {}
        self._spare: list[str] = []
        self._forgotten: deque[str] = deque()
        self._run = new_run()
        try:
            engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
            self._admin = engine.connect()
            self._product.claim(self._admin, self._run)
            self._drop_stale()
            self._check_fence()
        except SQLAlchemyError as error:
            raise UnavailableError(
                f"The database server cannot be used: {said(error)}",
                where=url.render_as_string(),
                remedy="start it, and give an account that may create databases and users",
            ) from None

    @property
    def lost(self) -> bool:
        """Whether the connection is gone: nothing can be asked any more."""
        return self._admin.closed or self._admin.invalidated

    def create(self, image: bytes) -> Place:
        """A database with these tables. Raises `EpisodeError` where the server cannot hold them."""
        tables = tables_of(image, self._mysql)
        with self._asked("make a database for an episode"):
            return self._create(tables)

    def state(self, place: Place) -> State:
        """Its rows, in the form in which states are compared."""
        with self._asked("read the rows that an episode left"), self._inside(place) as connection:
            return {
                table.name: Counter(
                    tuple(plain(cell) for cell in row) for row in connection.execute(select(table))
                )
                for table in place.tables
            }

    def scalar(self, place: Place, query: str) -> object:
        """The one value of a query of our own in this database."""
        with self._asked("read the rows that an episode left"), self._inside(place) as connection:
            return connection.exec_driver_sql(query, execution_options={"no_parameters": True}).scalar()

    def kick(self, place: Place) -> None:
        """End what the episode's user runs."""
        with self._asked("stop a statement"):
            self._product.kick(self._admin, place.name)

    def drop(self, place: Place) -> None:
        """Remove the database and its user, or keep them, emptied, for the next. Again: does nothing."""
        with self._asked("drop a database"):
            if self._lent.get(place.name) is place:
                del self._lent[place.name]
                self._keep(place) if len(self._spare) < self._product.keeps else self._drop(place.name)

    def forget(self, name: str) -> None:
        """Drop it with the next one that is made. Never waits: a garbage collector may call it."""
        self._forgotten.append(name)

    def close(self) -> None:
        """Drop all that is left; what a server that is gone holds, the next program drops."""
        with self._lock, suppress(SQLAlchemyError):
            for name in list(self._live):
                self._drop(name)
            self._admin.close()

    def _create(self, tables: list[tuple[Table, Rows]]) -> Place:
        while self._forgotten:
            self._drop(self._forgotten.popleft())
        new = not self._spare
        name = new_name(self._run) if new else self._spare.pop()
        password = self._live.setdefault(name, secrets.token_hex(16))
        try:
            if new:
                self._product.create(self._admin, name, password)
            with self._product.inside(self._admin, name) as connection:
                if new:
                    self._product.prepare(connection)
                for table, rows in tables:
                    _fill(connection, table, rows)
                self._product.grant(connection, name)
        except BaseException:
            self._drop(name)
            raise
        self._lent[name] = Place(name, tuple(table for table, _ in tables), self._told(name, tables))
        return self._lent[name]

    def _told(self, name: str, tables: list[tuple[Table, Rows]]) -> dict[str, Any]:
        url = self._url.set(username=name, password=self._live[name], database=name)
        columns = [column for table, _ in tables for column in table.columns]
        return {
            "url": url.render_as_string(hide_password=False),
            "mysql": self._mysql,
            "names": [*(table.name for table, _ in tables), *(column.name for column in columns)],
            "exact": any(isinstance(column.type, BigInteger) for column in columns),
            "size": size_of([table for table, _ in tables], self._product.quotes),
        }

    def _keep(self, place: Place) -> None:
        self._product.kick(self._admin, place.name)
        with self._product.inside(self._admin, place.name) as connection:
            for table in place.tables:
                table.drop(connection, checkfirst=False)
            self._product.empty(connection, place.name)
        self._spare.append(place.name)

    def _drop(self, name: str) -> None:
        if name in self._live:
            self._product.drop(self._admin, name)
            del self._live[name]
            self._lent.pop(name, None)

    def _drop_stale(self) -> None:
        for name in self._product.names(self._admin):
            run = name.split("_")[1]
            if run != self._run and not self._product.alive(self._admin, run):
                self._product.drop(self._admin, name)

    def _check_fence(self) -> None:
        """The user of an episode sees its own database alone, or the server is not used."""
        place = self._create([])
        try:
            with create_engine(place.told["url"], poolclass=NullPool).connect() as connection:
                foreign = self._product.foreign(connection, place.name)
        finally:
            self._drop(place.name)
        if foreign:
            raise UnavailableError(
                f"Every user of this server can use its database {foreign[0]!r}, "
                "so episodes would not be kept apart.",
                where=self._url.render_as_string(),
                remedy=f"drop {foreign[0]!r}, or take the rights on it from PUBLIC and from ''@'%'",
            )

    @contextmanager
    def _inside(self, place: Place) -> Iterator[Connection]:
        with self._product.inside(self._admin, place.name) as connection:
            yield connection

    @contextmanager
    def _asked(self, what: str) -> Iterator[None]:
        try:
            with self._lock:
                yield
        except SQLAlchemyError as error:
            raise EpisodeError(
                f"The database server could not {what}: {said(error)}",
                where=self._url.render_as_string(),
                remedy="see whether it runs, then run the episode again",
            ) from None


def said(error: SQLAlchemyError) -> str:
    """What the server said; no statement and no password."""
    original = getattr(error, "orig", None) or error
    return str(original.args[-1] if original.args else original).partition("\n")[0]


def _fill(connection: Connection, table: Table, rows: Rows) -> None:
    table.create(connection, checkfirst=False)
    if rows:
        keys = table.columns.keys()
        connection.execute(table.insert(), [dict(zip(keys, row, strict=True)) for row in rows])


class Servers:
    """The servers that this program uses, each with one connection of its administrator."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[URL, Server] = {}
        self._left: list[Server] = []

    def at(self, url: URL) -> Server:
        """The server behind this URL, connected when it is first asked for, and after a lost connection."""
        with self._lock:
            if url not in self._open or self._open[url].lost:
                self._open[url] = Server(url)
            return self._open[url]

    def close(self) -> None:
        """Drop everything and disconnect."""
        with self._lock:
            for server in self._open.values():
                server.close()
            self._open = {}

    def disown(self) -> None:
        """In a forked child: leave the connections to the parent, unused, and begin anew."""
        self._left += self._open.values()
        self._open = {}
        self._lock = threading.Lock()


SERVERS = Servers()
"""Those of this program: environments built with different options share them."""
os.register_at_fork(after_in_child=SERVERS.disown)
atexit.register(SERVERS.close)
