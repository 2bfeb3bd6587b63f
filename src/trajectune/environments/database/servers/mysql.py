"""Databases of episodes on MySQL and MariaDB."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from trajectune.environments.database.servers.product import CONNECTIONS, PREFIX, Product

YEAR = 365 * 24 * 3600
MEMORY = 256 * 2**20
"""Bytes that MariaDB may take for one session."""
DIGITS = 12
"""Digits that a division of whole numbers adds, where MySQL's four would round an average."""


class MySQL(Product):
    """MySQL 8 and MariaDB 10.6 and newer."""

    quotes = "`"
    streams_changes = True
    keeps = 0
    SYSTEM = frozenset({"information_schema", "performance_schema"})
    """What every user sees, cut down to what is its own."""

    def claim(self, connection: Connection, run: str) -> None:
        connection.exec_driver_sql(f"SET SESSION wait_timeout = {YEAR}")
        connection.exec_driver_sql(f"SELECT GET_LOCK('{PREFIX}{run}', 0)")

    def alive(self, connection: Connection, run: str) -> bool:
        return not connection.scalar(text("SELECT IS_FREE_LOCK(:lock)"), {"lock": PREFIX + run})

    def names(self, connection: Connection) -> list[str]:
        found = connection.execute(
            text(
                "SELECT schema_name FROM information_schema.schemata WHERE schema_name LIKE :like "
                "UNION SELECT user FROM mysql.user WHERE user LIKE :like"
            ),
            {"like": PREFIX.replace("_", r"\_") + "%"},
        )
        return sorted({str(name) for (name,) in found})

    def create(self, connection: Connection, name: str, password: str) -> None:
        connection.exec_driver_sql(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        connection.exec_driver_sql(
            f"CREATE USER {name} IDENTIFIED BY '{password}' WITH MAX_USER_CONNECTIONS {CONNECTIONS}"
        )

    @contextmanager
    def inside(self, connection: Connection, name: str) -> Iterator[Connection]:
        connection.exec_driver_sql(f"USE {name}")
        yield connection

    def prepare(self, connection: Connection) -> None:
        del connection

    def grant(self, connection: Connection, name: str) -> None:
        pattern = name.replace("_", r"\_")  # in a grant, an underscore stands for any character
        connection.exec_driver_sql(f"GRANT SELECT, INSERT, UPDATE, DELETE ON `{pattern}`.* TO {name}")

    def kick(self, connection: Connection, name: str) -> None:
        running = text("SELECT id FROM information_schema.processlist WHERE user = :user")
        for (number,) in connection.execute(running, {"user": name}).all():
            with suppress(DBAPIError):  # it may have ended by itself by now
                connection.exec_driver_sql(f"KILL {number}")

    def drop(self, connection: Connection, name: str) -> None:
        self.kick(connection, name)
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name}")
        connection.exec_driver_sql(f"DROP USER IF EXISTS {name}")

    def begin(self, connection: Connection, exact: bool) -> None:
        if exact:
            connection.exec_driver_sql(f"SET div_precision_increment = {DIGITS}")
        if _is_mariadb(connection):
            connection.exec_driver_sql(f"SET max_session_mem_used = {MEMORY}")

    def empty(self, connection: Connection, name: str) -> None:
        del connection, name  # its user can make nothing

    def limit(self, connection: Connection, seconds: float) -> None:
        if _is_mariadb(connection):
            connection.exec_driver_sql(f"SET max_statement_time = {seconds}")
        else:  # MySQL's limit holds for SELECT alone; the rest is stopped with its connection
            connection.exec_driver_sql(f"SET max_execution_time = {int(1000 * seconds)}")

    def foreign(self, connection: Connection, name: str) -> list[str]:
        seen = {str(found) for (found,) in connection.exec_driver_sql("SHOW DATABASES")}
        return sorted(seen - self.SYSTEM - {name})


def _is_mariadb(connection: Connection) -> bool:
    return bool(getattr(connection.dialect, "is_mariadb", False))
