"""The kind of server behind a URL."""

from __future__ import annotations

from typing import Any

from sqlalchemy import URL

from trajectune.environments.database.servers.address import is_mysql
from trajectune.environments.database.servers.mysql import MySQL
from trajectune.environments.database.servers.postgresql import PostgreSQL
from trajectune.environments.database.servers.product import Product

ONE_STATEMENT: dict[bool, dict[str, Any]] = {True: {}, False: {"prepare_threshold": 0}}
"""How a driver is kept to one statement a call. PyMySQL is by itself; psycopg where it prepares each."""


def product_of(url: URL) -> Product:
    """What is said to this server."""
    return MySQL() if is_mysql(url) else PostgreSQL()
