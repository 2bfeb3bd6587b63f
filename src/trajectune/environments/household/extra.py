"""The optional packages behind the household environment, asked for in one place.

ALFWorld is MIT, but its planner (`fast_downward_textworld`) is GPL, so it stays an extra that a user
installs by choice.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from trajectune.errors import UnavailableError, install_extra

PACKAGES = ("alfworld", "textworld", "fast_downward")


def require_extra() -> Path:
    """Folder of the installed `alfworld` package. Raises `UnavailableError` where a part is missing."""
    found = {name: find_spec(name) for name in PACKAGES}
    missing = [name for name, spec in found.items() if spec is None]
    alfworld = found["alfworld"]
    if missing or alfworld is None or alfworld.origin is None:
        raise UnavailableError(
            "The household environment needs ALFWorld's engine, which is not installed.",
            where=f"missing: {', '.join(missing)}",
            remedy=install_extra("household"),
        )
    return Path(alfworld.origin).parent
