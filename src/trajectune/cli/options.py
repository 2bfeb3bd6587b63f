"""KEY=VALUE on the command line, read in one place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from trajectune.errors import RecipeError


def key_values(pairs: Sequence[str] | None) -> dict[str, Any]:
    """`["a.b=1", "c=[x, y]"]` as `{"a.b": 1, "c": ["x", "y"]}`; values are YAML.

    Raises `RecipeError` for what is no pair, or a value that is no YAML.
    """
    import yaml

    found: dict[str, Any] = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not (equals and key):
            raise RecipeError(f"{pair!r} is no KEY=VALUE", remedy="write --set KEY=VALUE or -o KEY=VALUE")
        try:
            found[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise RecipeError(f"the value of {pair!r} is not YAML", remedy="put it in quotes") from None
    return found
