"""A user's own suite, from the recipe's words to an object."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from trajectune.errors import RecipeError
from trajectune.evaluate.contract import Suite
from trajectune.run.sections import SuiteSpec


def load_suite(name: str, spec: SuiteSpec) -> Suite:
    """The suite `package.module:Class`, built from its options; the current folder is searched too.

    Raises `RecipeError` where there is none, or it cannot be built.
    """
    where = f"suites.{name}"
    module_name, _, attribute = spec.suite.partition(":")
    if (here := str(Path.cwd())) not in sys.path:
        sys.path.insert(0, here)
    try:
        kind = getattr(importlib.import_module(module_name), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise RecipeError(
            f"there is no suite {spec.suite!r}: {error}", where=where, remedy="write package.module:Class"
        ) from None
    if not (isinstance(kind, type) and issubclass(kind, Suite)):
        raise RecipeError(f"{spec.suite} is no suite", where=where, remedy="inherit from trajectune.Suite")
    try:
        suite = kind(**spec.options)
    except Exception as error:  # a user's own code: anything may come out of it
        raise RecipeError(f"the suite cannot be built: {error}", where=where) from error
    suite.name = name
    return suite
