"""Tool calls as JSON in the middle of a text: read strictly, with the place of every part.

Invariant: nothing here raises for what a model wrote: deep nests, half surrogate pairs, `NaN`, `1e999` and
unfinished objects are no calls.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import JsonValue

from trajectune.storage import strict_decoder
from trajectune.trajectory import ToolCall

Place = tuple[int, int]
"""Characters [start, end) of a text."""

_SPACE = re.compile(r"\s*")

DECODER = strict_decoder()
"""Reads JSON and nothing that is only nearly so."""


def load(text: str) -> JsonValue:
    """A whole text as JSON. Raises ValueError for whatever is not, too deep, or no Unicode text."""
    try:
        value = DECODER.decode(text)
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


@dataclass(frozen=True, slots=True)
class SoughtKeys:
    """Under which keys a call keeps its arguments; empty: the object itself is the arguments."""

    arguments: str
    other: str = ""
    required: bool = False
    """Whether the key must be there; else a call without it has no arguments."""


@dataclass(frozen=True, slots=True)
class JsonCall:
    """A call that was read, where its parts stand, and where its JSON ends."""

    call: ToolCall
    name: Place
    values: tuple[Place, ...]
    end: int


def read_call(text: str, start: int, keys: SoughtKeys, name: str = "") -> JsonCall | None:
    """The call whose JSON begins at `start`; `name` where the text says it elsewhere."""
    try:
        value, end = DECODER.raw_decode(text, start)
        if not isinstance(value, dict):
            return None
        json.dumps(value, ensure_ascii=False).encode()
        return _call(text, start, end, value, keys, name)
    except (ValueError, RecursionError):
        return None


def _call(
    text: str, start: int, end: int, value: dict[str, Any], keys: SoughtKeys, name: str
) -> JsonCall | None:
    if not keys.arguments:
        return JsonCall(ToolCall(name=name, arguments=value), (start, start), _values(text, start), end)
    places = {key: place for key, *place in members(text, start)}
    called = value.get("name")
    key = keys.other if keys.arguments not in value and keys.other in value else keys.arguments
    arguments = value.get(key, None if keys.required else {})
    if not (isinstance(called, str) and called and isinstance(arguments, dict)):
        return None
    given = value.get("id")
    call = ToolCall(name=called, arguments=arguments, id=given if isinstance(given, str) else "")
    values = _values(text, places[key][0]) if key in places else ()
    return JsonCall(call, _inside(text, *places["name"]), values, end)


def members(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Each key of the sound JSON object at `start`, and where its value stands."""
    place = _after(text, start + 1)
    while text[place] != "}":
        key, place = DECODER.raw_decode(text, place)
        begin = _after(text, _after(text, place) + 1)  # behind the colon
        _, end = DECODER.raw_decode(text, begin)
        yield key, begin, end
        place = _after(text, end)
        place = _after(text, place + 1) if text[place] == "," else place


@dataclass(frozen=True, slots=True)
class Elements:
    """Where the elements of a JSON list begin, and where it ends."""

    starts: list[int]
    end: int


def elements(text: str, start: int) -> Elements | None:
    """The list at `start`; `None` where there is none."""
    try:
        value, end = DECODER.raw_decode(text, start)
        if not isinstance(value, list):
            return None
        starts: list[int] = []
        place = _after(text, start + 1)
        for _ in value:
            starts.append(place)
            _, place = DECODER.raw_decode(text, place)
            place = _after(text, _after(text, place) + 1)  # behind the comma
    except (ValueError, RecursionError):
        return None
    return Elements(starts, end)


def _values(text: str, start: int) -> tuple[Place, ...]:
    return tuple(_inside(text, begin, end) for _, begin, end in members(text, start))


def _inside(text: str, start: int, end: int) -> Place:
    """Of a string what is between the quotes."""
    return (start + 1, end - 1) if text[start] == '"' else (start, end)


def _after(text: str, place: int) -> int:
    """The first place from here on that is not space."""
    found = _SPACE.match(text, place)
    return found.end() if found else place
