"""The operating_system environment (see `trajectune.environments.operating_system.environment`).

The class is imported when it is first asked for: the process that starts boxes begins here too, and needs
none of what an environment needs.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trajectune.environments.operating_system.environment import OperatingSystemEnvironment

__all__ = ["OperatingSystemEnvironment"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return getattr(importlib.import_module(f"{__name__}.environment"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
