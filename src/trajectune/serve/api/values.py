"""Values of requests that may be written in several ways: texts in parts, JSON objects as text."""

from __future__ import annotations

import json
from typing import Any

from trajectune.storage import parse_json

_DEEPEST = 64  # levels of a JSON object; what reads it later (templates, schemas) recurses
_TEXTS = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
"""Kinds of a message's parts that are text, and the key of the text."""


def text_of(content: object) -> object:
    """A message's content as one text: null is empty, and text parts are joined."""
    if content is None:
        return ""
    if not isinstance(content, list):
        return content
    texts = [_text_of_part(part) for part in content]
    if any(not isinstance(text, str) for text in texts):
        raise ValueError("only text is read, no images and no sound")
    return "".join(str(text) for text in texts)


def json_object(value: object) -> object:
    """A JSON object that can be stored and shown, or its text; null and no text at all are the empty one.

    Looked at as a whole, since what is said of a deep nest would be as long as the nest. Raises ValueError.
    """
    try:
        found = value
        if isinstance(value, str):
            found = parse_json(value) if value.strip() else None
        json.dumps(found, ensure_ascii=False, allow_nan=False).encode()
    except UnicodeEncodeError:
        raise ValueError("must be a JSON object without halves of surrogate pairs") from None
    except RecursionError:
        raise ValueError("must be a JSON object that is not nested too deeply") from None
    except ValueError as error:
        raise ValueError(f"must be a JSON object: {error}") from None
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise ValueError("must be a JSON object")
    if _is_deeper(found, _DEEPEST):
        raise ValueError(f"must be a JSON object of at most {_DEEPEST} levels")
    return found


def _text_of_part(part: Any) -> object:
    if not isinstance(part, dict):
        return None
    kind = part.get("type", "text")
    return part.get(_TEXTS[kind]) if isinstance(kind, str) and kind in _TEXTS else None


def _is_deeper(value: object, levels: int) -> bool:
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return levels < 0 or any(_is_deeper(part, levels - 1) for part in parts)
