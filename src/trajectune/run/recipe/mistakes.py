"""What is wrong with a recipe, in a user's words: the dotted key, what was expected, the nearest known key.

The idea: pydantic says where it was when a value did not fit, in terms of its types; a user wrote keys.
"""

from __future__ import annotations

import difflib
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

_TYPES = {"str", "ShrinkSpec", "Emulation"}
"""What pydantic puts into a location to say which type of several it means."""


def mistakes(error: ValidationError, recipe: type[BaseModel]) -> list[str]:
    """One line for each mistake, each said once; `recipe` is the record that was not valid."""
    lines = (_explain(dict(entry), recipe) for entry in error.errors(include_url=False))
    return list(dict.fromkeys(lines))


def _explain(error: Mapping[str, Any], recipe: type[BaseModel]) -> str:
    location = [part for part in error["loc"] if str(part) not in _TYPES]
    key = ".".join(map(str, location))
    if error["type"] != "extra_forbidden":
        return f"{key}: {error['msg']}" if key else str(error["msg"])
    known = known_fields(location[:-1], recipe)
    nearest = difflib.get_close_matches(str(location[-1]), known, n=1)
    hint = f"did you mean `{nearest[0]}`?" if nearest else f"known here: {', '.join(sorted(known))}"
    return f"{key}: unknown key; {hint}"


def known_fields(location: list[Any], recipe: type[BaseModel]) -> list[str]:
    """Field names of the section that may stand at `location`, walking down from the recipe; else none."""
    here: Any = recipe
    for part in location:
        if get_origin(here) is dict:
            here = _section_of(get_args(here)[1])
        elif get_origin(here) is list:
            here = _section_of(get_args(here)[0])
        elif _is_section(here) and str(part) in here.model_fields:
            here = _section_of(here.model_fields[str(part)].annotation)
        else:
            return []
    return list(here.model_fields) if _is_section(here) else []


def _section_of(annotation: Any) -> Any:
    """The section (or mapping of sections) among several types."""
    if get_origin(annotation) not in (Union, types.UnionType):
        return annotation
    found = [a for a in get_args(annotation) if get_origin(a) is dict or _is_section(a)]
    return found[0] if found else annotation


def _is_section(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
