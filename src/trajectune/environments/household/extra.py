"""The optional packages behind the household environment, asked for in one place.

ALFWorld is MIT, but its planner (`fast_downward_textworld`) is GPL, so it stays an extra that a user
installs by choice.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from trajectune.environments.options import require_packages

PACKAGES = ("alfworld", "textworld", "fast_downward")


def require_extra() -> Path:
    """Folder of the installed `alfworld` package. Raises `UnavailableError` where a part is missing."""
    require_packages("household", PACKAGES, "household")
    found = find_spec("alfworld")
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent
