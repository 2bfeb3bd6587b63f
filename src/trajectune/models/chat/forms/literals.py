"""Values that are JSON, or lists and mappings as Python writes them, in the middle of a text.

Invariant: nothing is evaluated and nothing raises: what is too deep, or no value, is none.
"""

from __future__ import annotations

import ast
import json
import re
from typing import NamedTuple

from pydantic import JsonValue

from trajectune.models.chat.forms.jsoncalls import DECODER, load

_WORD = re.compile(r"True|False|None|null|true|false|[-+]?[0-9.]+(?:[eE][-+]?[0-9]+)?")
_LONGEST = 100_000
"""Characters of a value that Python's own parser is given."""


class Literal(NamedTuple):
    """A value, and where it ends."""

    value: JsonValue
    end: int


def literal(text: str, start: int) -> Literal | None:
    """The value that begins at `start`."""
    try:
        value, end = DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        end = _bracketed(text, start) if text[start : start + 1] in ("[", "{") else _word(text, start)
        value = _python(text[start:end])
        return None if end < 0 or (value is None and text[start:end] != "None") else Literal(value, end)
    return Literal(value, end)


def _word(text: str, start: int) -> int:
    found = _WORD.match(text, start)
    return found.end() if found else -1


def _bracketed(text: str, start: int) -> int:
    """The end of the bracket that opens at `start`; −1 where it is not closed."""
    depth, quote, place = 0, "", start
    while place < len(text):
        sign = text[place]
        if quote:
            place += sign == "\\"
            quote = "" if sign == quote else quote
        elif sign in "'\"":
            quote = sign
        elif sign in "[{":
            depth += 1
        elif sign in "]}":
            depth -= 1
            if depth == 0:
                return place + 1
        place += 1
    return -1


def _python(text: str) -> JsonValue:
    """A literal of Python as JSON has it; `None` where it is none that JSON could hold."""
    if not text or len(text) > _LONGEST:
        return None
    try:
        value = ast.literal_eval(text)
        return load(json.dumps(value, ensure_ascii=False, allow_nan=False))
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None
