"""Find a suite by name: an installed one, or `package.module:Class` from the user's own code.

The idea: a package announces its suites through the entry-point group `trajectune.suites`; a recipe names
one and its options. The suites of this project are built from a recipe's own parts (environments, held-out
examples) and need no name here. Invariant: whatever is wrong with the name or the options is a
`RecipeError` that says what would be right.
"""

from __future__ import annotations

import importlib
import inspect
import sys
from collections.abc import Mapping
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

from trajectune.errors import RecipeError, TrajectuneError, suggestion
from trajectune.evaluate.contract import Suite

GROUP = "trajectune.suites"


def suite_names() -> list[str]:
    """Names of the installed suites, sorted."""
    return sorted(entry.name for entry in entry_points(group=GROUP))


def load_suite(name: str, options: Mapping[str, Any] | None = None) -> Suite:
    """Build the suite `name` with keyword `options`. Raises `RecipeError`."""
    kind = _found(name)
    try:
        inspect.signature(kind).bind(**(options or {}))
        return kind(**(options or {}))
    except TrajectuneError:
        raise
    except Exception as error:
        known = ", ".join(inspect.signature(kind).parameters) or "none"
        raise RecipeError(
            f"the suite {name!r} cannot be built: {error}", remedy=f"its options are: {known}"
        ) from error


def _found(name: str) -> type[Suite]:
    """The class behind a name."""
    installed = {entry.name: entry.value for entry in entry_points(group=GROUP)}
    path = installed.get(name, name)
    module, _, attribute = path.partition(":")
    if not module or not attribute:
        known = ", ".join(sorted(installed)) or "none"
        raise RecipeError(
            f"there is no suite {name!r}",
            remedy=f"{suggestion(name, installed)}installed are: {known}; "
            "one of your own is named package.module:Class",
        )
    if name not in installed and (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)  # as `python -m` does
    try:
        found = getattr(importlib.import_module(module), attribute)
    except Exception as error:  # a user's own module may raise anything
        raise RecipeError(
            f"the suite {name!r} cannot be imported: {type(error).__name__}: {error}",
            remedy="check the spelling, and that its package is installed or in the current folder",
        ) from error
    if not (isinstance(found, type) and issubclass(found, Suite)):
        raise RecipeError(
            f"{name!r} is not a suite",
            remedy="name a class that inherits trajectune.evaluate.contract.Suite",
        )
    return found
