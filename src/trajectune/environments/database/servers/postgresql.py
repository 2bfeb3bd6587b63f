"""Databases of episodes on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, create_engine, text
from sqlalchemy.pool import NullPool

from trajectune.environments.database.servers.product import CONNECTIONS, PREFIX, Product

OURS = 0x7472616A
"""The first half of an advisory lock's key: the letters of `traj`."""


class PostgreSQL(Product):
    """PostgreSQL 13 and newer, with its extension `citext`."""

    quotes = '"'
    streams_changes = False  # a cursor can be declared for a query only
    keeps = 8

    def claim(self, connection: Connection, run: str) -> None:
        connection.exec_driver_sql(f"SELECT pg_advisory_lock({OURS}, {int(run, 16)})")

    def alive(self, connection: Connection, run: str) -> bool:
        query = text(
            "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND classid = :ours AND objid = :run"
        )
        return bool(connection.scalar(query, {"ours": OURS, "run": int(run, 16)}))

    def names(self, connection: Connection) -> list[str]:
        found = connection.execute(
            text(
                "SELECT datname FROM pg_database WHERE starts_with(datname, :prefix) "
                "UNION SELECT rolname FROM pg_roles WHERE starts_with(rolname, :prefix)"
            ),
            {"prefix": PREFIX},
        )
        return sorted({str(name) for (name,) in found})

    def create(self, connection: Connection, name: str, password: str) -> None:
        connection.exec_driver_sql(
            f"CREATE ROLE {name} LOGIN PASSWORD '{password}' CONNECTION LIMIT {CONNECTIONS}"
        )
        connection.exec_driver_sql(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")
        connection.exec_driver_sql(f"GRANT CONNECT ON DATABASE {name} TO {name}")

    @contextmanager
    def inside(self, connection: Connection, name: str) -> Iterator[Connection]:
        engine = create_engine(connection.engine.url.set(database=name), poolclass=NullPool)
        with engine.begin() as inner:  # in one transaction, which is faster
            yield inner

    def prepare(self, connection: Connection) -> None:
        connection.exec_driver_sql("CREATE EXTENSION citext")
        connection.exec_driver_sql("REVOKE CREATE ON SCHEMA public FROM PUBLIC")

    def grant(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {name}"
        )

    def kick(self, connection: Connection, name: str) -> None:
        query = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = :user")
        connection.execute(query, {"user": name})

    def drop(self, connection: Connection, name: str) -> None:
        connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        connection.exec_driver_sql(f"DROP ROLE IF EXISTS {name}")

    def begin(self, connection: Connection, exact: bool) -> None:
        del connection, exact  # averages are

    def empty(self, connection: Connection, name: str) -> None:
        del name
        connection.exec_driver_sql("SELECT lo_unlink(oid) FROM pg_largeobject_metadata")

    def limit(self, connection: Connection, seconds: float) -> None:
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(1000 * seconds)}")

    def foreign(self, connection: Connection, name: str) -> list[str]:
        del connection, name
        return []  # a connection sees one database, and no statement can open another
