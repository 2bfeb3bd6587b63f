"""The optional packages behind the shop, asked for in one place: search, stemming and fuzzy likeness."""

from __future__ import annotations

from importlib.util import find_spec

from trajectune.errors import UnavailableError, install_extra

PACKAGES = ("bm25s", "Stemmer", "rapidfuzz")


def require_extra() -> None:
    """Raise `UnavailableError` where a package of the extra `web-shop` is missing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UnavailableError(
            "The web_shop environment needs a search library, which is not installed.",
            where=f"missing: {', '.join(missing)}",
            remedy=install_extra("web-shop"),
        )
