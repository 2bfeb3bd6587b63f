"""The optional packages behind database servers, asked for in one place.

SQLAlchemy and PyMySQL are MIT, psycopg is LGPL-3.0: an extra that a user installs by choice.
"""

from __future__ import annotations

from importlib.util import find_spec

from trajectune.errors import UnavailableError, install_extra

PACKAGES = ("sqlalchemy", "pymysql", "psycopg")


def require_extra() -> None:
    """Raise `UnavailableError` where a package is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UnavailableError(
            "Tasks on a database server need packages that are not installed.",
            where=f"missing: {', '.join(missing)}",
            remedy=install_extra("servers"),
        )
