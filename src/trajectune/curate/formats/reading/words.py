"""Words as a list of parts: text, and thoughts before it.

Invariant: every part is read, or the row is rejected: images, sound and calls inside the words are no text.
"""

from __future__ import annotations

from trajectune.curate.formats.base import RowError, text

_TEXT = frozenset({"text", "input_text", "output_text"})
_THOUGHT = {"thinking": "thinking", "reasoning": "reasoning"}
"""Parts that hold a thought, and where in the part it stands (in `text` otherwise)."""


def parse_words(value: object, place: str) -> tuple[str, str]:
    """The text and the thoughts of a turn's words that are no plain string."""
    if not isinstance(value, list):
        raise RowError.expected(place, "a string", value)
    words: list[str] = []
    thoughts: list[str] = []
    for index, part in enumerate(value):
        where = f"{place}.{index}"
        thought = _thought(part, where)
        if thought is None:
            words.append(_text(part, where))
        elif any(words):
            raise RowError(f"{where}: expected thoughts before the words, found them behind")
        else:
            thoughts.append(thought)
    return "".join(words), "".join(thoughts)


def _thought(part: object, place: str) -> str | None:
    key = _THOUGHT.get(str(part.get("type"))) if isinstance(part, dict) else None
    if key is None or not isinstance(part, dict):
        return None
    return text(part, key if part.get(key) is not None else "text", f"{place}.")


def _text(part: object, place: str) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or str(part.get("type")) not in _TEXT:
        raise RowError(f"{place}: expected a text part; images, sound and calls are not read there")
    return text(part, "text", f"{place}.")
