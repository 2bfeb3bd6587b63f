"""The optional packages behind database servers, asked for in one place.

SQLAlchemy and PyMySQL are MIT, psycopg is LGPL-3.0: an extra that a user installs by choice.
"""

from __future__ import annotations

from trajectune.environments.options import require_packages

PACKAGES = ("sqlalchemy", "pymysql", "psycopg")


def require_extra() -> None:
    """Raise `UnavailableError` where a package is missing."""
    require_packages("database", PACKAGES, "database-servers")
