"""The optional packages behind the server, asked for in one place."""

from __future__ import annotations

from importlib.util import find_spec

from trajectune.errors import UnavailableError, install_extra

PACKAGES = ("fastapi", "uvicorn", "prometheus_client")


def require_extra() -> None:
    """Raises `UnavailableError` where a part is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UnavailableError(
            "The server needs packages that are not installed.",
            where=f"missing: {', '.join(missing)}",
            remedy=install_extra("serve"),
        )
