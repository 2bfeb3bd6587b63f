"""Whether the arguments of a call fit the schema of its tool (JSON Schema, by the library `jsonschema`).

Invariants: a schema comes out of a file and is not trusted: no reference is fetched, and no regular
expression of it (`pattern`) is run, since one can be written that never ends. A schema that is none
itself (`"type": "float"`) judges nothing.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import lru_cache

from trajectune.trajectory import Tool, ToolCall

Check = Callable[[dict[str, object]], str]
_KEPT = 512
"""Schemas that are kept ready: files repeat them."""


def shortcoming(tool: Tool, call: ToolCall) -> str:
    """What is wrong with the arguments, in a few words; empty where nothing is, or nothing can be known."""
    if not tool.parameters:
        return ""
    return _check(json.dumps(tool.parameters, sort_keys=True))(dict(call.arguments))


@lru_cache(maxsize=_KEPT)
def _check(schema: str) -> Check:
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError, ValidationError, best_match
    from jsonschema.validators import extend
    from referencing import Registry
    from referencing.exceptions import Unresolvable

    value = json.loads(schema)
    kind = extend(Draft202012Validator, {"pattern": _unchecked, "patternProperties": _unchecked})
    try:
        kind.check_schema(value)
    except SchemaError:
        return _nothing_known
    validator = kind(value, registry=Registry())

    def check(arguments: dict[str, object]) -> str:
        try:
            worst = best_match(validator.iter_errors(arguments))
        except (Unresolvable, RecursionError):
            return ""
        return _told(worst) if isinstance(worst, ValidationError) else ""

    def _told(error: ValidationError) -> str:
        place = ".".join(map(str, error.absolute_path))
        return f"{place}: {error.message}" if place else error.message

    return check


def _nothing_known(arguments: dict[str, object]) -> str:
    """The verdict of a schema that is none."""
    del arguments
    return ""


def _unchecked(*parts: object) -> None:
    """A keyword that is not checked."""
    del parts
