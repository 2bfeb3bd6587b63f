"""Find a suite by name: an installed one (`trajectune.suites`), or `package.module:Class`.

The suites of this project are built from a recipe's own parts (environments, held-out examples) and need no
name here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trajectune.evaluate.contract import Suite
from trajectune.plugins import build, installed, load_class

GROUP = "trajectune.suites"


def suite_names() -> list[str]:
    """Names of the installed suites, sorted."""
    return list(installed(GROUP))


def load_suite(name: str, options: Mapping[str, Any] | None = None) -> Suite:
    """Build the suite `name` with keyword `options`. Raises `RecipeError` or `UnavailableError`."""
    return build(load_class(name, GROUP, Suite, "suite"), options or {}, name, "suite")
