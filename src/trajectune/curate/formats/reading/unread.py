"""What a row holds that no reader knows: told apart into what carries content and what only describes.

The idea: most fields that other people add are labels (a split, a category, a model's name). Some are words
that a model should see or say, and those are noted, so that `data inspect` and every conversion name them.

Invariant: a field is noted when its name or its value says that it carries content; nothing is dropped
because of it: fields of a row stay in its metadata, those of a turn in what is kept for an export.
"""

from __future__ import annotations

from collections.abc import Iterator, Set
from typing import Any

from trajectune.curate.formats.base import JsonObject, Notes

WORDS_FROM = 40
"""Characters from which a text with a space in it counts as words, whatever its name."""
_TELLING = frozenset(
    {
        *("answer", "arguments", "chosen", "completion", "content", "context", "documents", "draft"),
        *("few_shot", "function_call", "functions", "history", "input", "instances", "instruction"),
        *("loss", "messages", "observation", "output", "passage", "prompt", "query", "question"),
        *("rationale", "reasoning", "reasoning_content", "reasoning_details", "refusal", "rejected"),
        *("response", "result", "results", "scratchpad", "system", "text", "thinking", "thought"),
        *("thoughts", "tool_call", "tool_calls", "tool_output", "tools", "train", "train_detail"),
        *("trained", "value", "weight"),
    }
)
"""Names of what a model sees, says or is trained by: any value of theirs counts."""
_LOOKED_AT = 1_000
"""Values inside a field that are looked at before it counts as content anyway."""


def note_unread(owner: JsonObject, known: Set[str], what: str, notes: Notes) -> None:
    """Note the fields of `owner` beyond `known` that carry content; `what` names it: `a turn`."""
    for key in owner.keys() - known:
        if carries_content(key, owner[key]):
            shown = key if key.isprintable() else ascii(key)[1:-1]
            notes.add(f"{what} holds `{shown}`, which no reader knows")


def carries_content(key: str, value: object) -> bool:
    """Whether a field is more than a label: by its name, or by words or turns anywhere in its value."""
    if value is None or value == "" or value == [] or value == {}:
        return False
    if key.lower() in _TELLING:
        return True
    if isinstance(value, bool | int | float):
        return False
    return any(_tells(inner, name) for name, inner in _parts(value))


def _tells(value: object, name: str) -> bool:
    if isinstance(value, str):
        return (name in _TELLING and bool(value)) or (len(value) >= WORDS_FROM and " " in value.strip())
    return value is ...


def _parts(value: object) -> Iterator[tuple[str, Any]]:
    """The names and values inside a value, without recursion; ends in an ellipsis where there are many."""
    waiting: list[tuple[str, Any]] = [("", value)]
    for _ in range(_LOOKED_AT):
        if not waiting:
            return
        name, item = waiting.pop()
        if isinstance(item, dict):
            waiting.extend((str(key).lower(), inner) for key, inner in item.items())
        elif isinstance(item, list):
            waiting.extend(("", inner) for inner in item)
        else:
            yield name, item
    yield "", ...
