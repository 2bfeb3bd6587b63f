"""Tasks as a model writes them: JSON objects, found in a reply and read with patience.

The idea: small models wrap JSON in a fence and in words, break lines inside of texts, escape what needs no
escape, and leave a comma behind the last item. All of that still says what is meant, and is read. A reply
may hold one object, several behind each other, or a list.

Invariants: any text is read in bounded time and nothing is raised; nothing is evaluated; what is read can
be written to any file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from trajectune.dialects.text import plain

LONGEST = 12_000
"""Characters of a reply that are looked at."""
MOST = 10
"""Objects that are taken from a reply."""
TRIES = 40
"""Places at which reading is tried."""

_START = re.compile(r"[\[{]")
_ESCAPE = re.compile(r'\\(?:(["\\/bfnrt]|u[0-9a-fA-F]{4})|)')
_TRAILING = re.compile(r'("(?:[^"\\]|\\.)*+")|,(?=\s*[}\]])', re.DOTALL)
_DECODER = json.JSONDecoder(strict=False)
"""Takes line ends and tabs inside of texts."""


def objects_in(reply: str) -> list[dict[str, Any]]:
    """All JSON objects of a reply, in their order; those inside of another are part of it."""
    text = reply[:LONGEST]
    found = _objects(text)
    return found or _objects(mended(text))


def mended(text: str) -> str:
    """The text with stray backslashes doubled and commas behind a last item taken out."""
    escaped = _ESCAPE.sub(lambda match: match[0] if match[1] else r"\\", text)
    return _TRAILING.sub(lambda match: match[1] or "", escaped)


def _objects(text: str) -> list[dict[str, Any]]:
    found = [each for value in _values(text) for each in (value if isinstance(value, list) else [value])]
    return [each for each in found if isinstance(each, dict)][:MOST]


def _values(text: str) -> Iterator[Any]:
    """The JSON values that begin with a bracket, one behind the other."""
    place = 0
    for _ in range(TRIES):
        start = _START.search(text, place)
        if start is None:
            return
        try:
            value, place = _DECODER.raw_decode(text, start.start())
            yield plain(value)
        except (ValueError, RecursionError):
            place = max(place, start.end())
