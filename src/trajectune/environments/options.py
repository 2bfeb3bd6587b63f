"""What options of an environment may hold and which packages it needs, checked in one place.

Invariant: a wrong option and a missing package are told by their names, with what would be right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path

from trajectune.errors import RecipeError, UnavailableError, install_extra, suggestion


def one_of(environment: str, option: str, value: object, allowed: Iterable[str]) -> None:
    """Raise `RecipeError` where an option has none of the allowed values."""
    known = list(allowed)
    if value not in known:
        raise RecipeError(
            f"The {environment} environment has no {option} {value!r}.",
            where=f"option {option}",
            remedy=f"{suggestion(str(value), known)}one of: {', '.join(known)}",
        )


def given_path(environment: str, source: str, option: str, value: str | Path) -> Path:
    """The path that a source of tasks needs. Raises `RecipeError` where it was not given."""
    if not value:
        raise RecipeError(
            f"The source {source!r} of the {environment} environment needs {option!r}.",
            where=f"option {option}",
            remedy=f"set {option}: PATH",
        )
    return Path(value).expanduser()


def require_packages(environment: str, packages: Sequence[str], extra: str) -> None:
    """Raise `UnavailableError` where a package of an extra is missing."""
    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise UnavailableError(
            f"The {environment} environment needs packages that are not installed.",
            where=f"missing: {', '.join(missing)}",
            remedy=install_extra(extra),
        )
