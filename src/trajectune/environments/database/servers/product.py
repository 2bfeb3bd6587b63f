"""What one kind of server is asked for: making and dropping a database with a user of its own.

The idea: an episode's database and its only user have one random name. The user may read and change rows in
it and nothing else: no schema, no files, no other database. `trajectune_RUN_…` says which running program
it belongs to, and that program holds a lock named after RUN as long as it lives; a database whose lock is
free was left behind.

Invariant: names are made here (`[a-z0-9_]`), so that they can stand in a statement as they are.
"""

from __future__ import annotations

import secrets
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import ClassVar

from sqlalchemy import Connection

PREFIX = "trajectune_"
CONNECTIONS = 4
"""Connections that an episode's user may hold; it needs one, and another after a lost one."""


def new_name(run: str) -> str:
    """A name for a database and its user that nobody can guess; 32 characters, MySQL's limit for users."""
    return f"{PREFIX}{run}_{secrets.token_hex(6)}"


def new_run() -> str:
    """A name for a running program: 31 bits in hexadecimal."""
    return f"{secrets.randbits(31):08x}"


class Product(ABC):
    """One kind of server. Connections are the administrator's, in autocommit, unless said otherwise."""

    quotes: ClassVar[str]
    """What stands round names."""
    streams_changes: ClassVar[bool]
    """Whether the rows that a change gives back can be read one by one."""

    keeps: ClassVar[int]
    """Emptied databases that are kept for the next episodes, where making one is slow."""

    @abstractmethod
    def claim(self, connection: Connection, run: str) -> None:
        """Take the lock that says this program lives; it is held as long as the connection."""

    @abstractmethod
    def alive(self, connection: Connection, run: str) -> bool:
        """Whether a program holds the lock."""

    @abstractmethod
    def names(self, connection: Connection) -> list[str]:
        """All databases and users with our prefix."""

    @abstractmethod
    def create(self, connection: Connection, name: str, password: str) -> None:
        """Make the database and its user, who may not do anything yet."""

    @abstractmethod
    def grant(self, connection: Connection, name: str) -> None:
        """The administrator in this database, its tables made: let the user read and change rows."""

    @abstractmethod
    def kick(self, connection: Connection, name: str) -> None:
        """End all connections of the user, with what they run."""

    @abstractmethod
    def drop(self, connection: Connection, name: str) -> None:
        """Remove database and user, also where one of them is missing."""

    @abstractmethod
    def begin(self, connection: Connection, exact: bool) -> None:
        """The user's own connection, new. `exact`: averages of whole numbers are not rounded."""

    @abstractmethod
    def empty(self, connection: Connection, name: str) -> None:
        """The administrator in this database, its tables dropped: drop all else that its user has made."""

    @abstractmethod
    def limit(self, connection: Connection, seconds: float) -> None:
        """The user's own connection: how long the next statement may take."""

    @abstractmethod
    def foreign(self, connection: Connection, name: str) -> list[str]:
        """The user's own connection: databases that it can use besides its own."""

    @abstractmethod
    def inside(self, connection: Connection, name: str) -> AbstractContextManager[Connection]:
        """The administrator in this database."""

    @abstractmethod
    def prepare(self, connection: Connection) -> None:
        """The administrator in a new database: what tables need."""
