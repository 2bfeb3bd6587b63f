"""Where a server is, and who may create databases there: an SQLAlchemy URL.

The idea: a password is never an option, because options are written into run directories. A recipe either
gives a URL without one, or names the environment variable that holds the whole URL.

Invariant: no message from here holds a password.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from trajectune.environments.database.servers.extra import require_extra
from trajectune.errors import RecipeError

if TYPE_CHECKING:
    from sqlalchemy import URL

DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mariadb+pymysql",
    "mysql+pymysql": "mysql+pymysql",
    "mariadb+pymysql": "mariadb+pymysql",
    "postgresql": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
"""What a URL may begin with, and the driver that is taken for it."""
EXAMPLE = "such as mariadb://root@localhost/?unix_socket=/run/mysqld/mysqld.sock"


def address(server: str, server_from: str) -> URL | None:
    """The server that the options name; `None` where both are empty. Nothing is connected.

    Raises `RecipeError` for anything but one URL of a known kind, and for a password in an option;
    `UnavailableError` without the extra.
    """
    if not server and not server_from:
        return None
    if server and server_from:
        raise RecipeError(
            "Both server and server_from are given.", remedy="Leave one out: they name the same thing."
        )
    require_extra()
    url = _parsed(server or _variable(server_from), f"variable {server_from}" if server_from else "server")
    if server and url.password is not None:
        raise RecipeError(
            "The option server holds a password, and options are written into run directories.",
            where=f"server: {url.render_as_string()}",
            remedy="Put the URL into an environment variable and give its name: server_from: NAME.",
        )
    return url


def is_mysql(url: URL) -> bool:
    """Whether MySQL or MariaDB answers there; else PostgreSQL does."""
    return url.get_backend_name() in ("mysql", "mariadb")


def _variable(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise RecipeError(
            "The environment variable with the database server's URL is not set.",
            where=f"server_from: {name}",
            remedy=f"Set it to a URL, {EXAMPLE}.",
        )
    return value


def _parsed(text: str, where: str) -> URL:
    from sqlalchemy import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise RecipeError("This is no URL.", where=where, remedy=f"Give one {EXAMPLE}.") from None
    if url.drivername not in DRIVERS:
        raise RecipeError(
            f"There is no kind of server {url.drivername!r}.",
            where=where,
            remedy=f"Begin the URL with one of: {', '.join(DRIVERS)}.",
        )
    return url.set(drivername=DRIVERS[url.drivername])
