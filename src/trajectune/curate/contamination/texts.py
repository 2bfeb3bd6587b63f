"""Which texts of a row count: of a training row all of them, of an evaluation row what is asked.

The idea: a model may have learnt from anything in a training row, so its fields are not told apart; only
names, metadata and copies of what stands in the row anyway are left out. Of an evaluation row the problem
counts and not the rules around it, which training and evaluation share on purpose: the fields that are
asked for; else the first observation of a trajectory, the user's words of a conversation, or the first of
the `QUESTION_FIELDS` that the row has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from trajectune.curate.formats.base import RowError
from trajectune.curate.formats.files import is_trajectory, recognised
from trajectune.curate.formats.rows import METADATA_COLUMN, read_row
from trajectune.example import Example
from trajectune.storage import Row

QUESTION_FIELDS = (
    "question",
    "turns",
    "prompt",
    "problem",
    "query",
    "description",
    "instruction",
    "goal",
    "input",
    "text",
)
"""Where evaluation rows without turns have their problem, the surest name first."""
_NOT_TEXT = {"id", "source", "metadata", METADATA_COLUMN, "spans", "template"}
"""Fields of training rows that no model reads, or that repeat what another one says."""


@dataclass(frozen=True, slots=True)
class TextRow:
    """The texts of a row, and where it stands."""

    place: str
    """In its file or environment: `line 7`, a task's id."""
    texts: tuple[str, ...]
    """One for each part; spans do not cross from one to the next."""


def training_texts(row: Row) -> TextRow:
    """All texts of a training row, of any format."""
    return TextRow(f"line {row.place}", tuple(_strings(row.value)))


def example_texts(example: Example) -> TextRow:
    """All that the trainer sees of an example."""
    texts: list[str] = []
    for message in example.messages:
        texts += [message.content, message.reasoning]
        texts += [text for call in message.tool_calls for text in _strings(call.arguments)]
    return TextRow(example.id, tuple(filter(None, texts)))


def evaluation_texts(row: Row, fields: Sequence[str] = ()) -> TextRow:
    """What an evaluation row asks. Raises `RowError` where nothing is found."""
    return TextRow(f"line {row.place}", asked_texts(row, fields))


def asked_texts(row: Row, fields: Sequence[str] = ()) -> tuple[str, ...]:
    """The texts of the fields, or of what the row's shape says is its problem. Raises `RowError`."""
    value = row.value
    if fields:
        return tuple(text for name in fields for text in _strings(_field(value, name)))
    if is_trajectory(value):
        return tuple(_strings(value.get("observation")))
    known = next((name for name in QUESTION_FIELDS if _is_text(value.get(name))), None)
    reader = recognised(value)
    if reader is not None and (reader.name != "alpaca" or known is None):
        messages = read_row(reader, row, None, "", set()).messages
        return tuple(each.content for each in messages if each.role == "user" and each.content)
    if known is None:
        names = ascii(", ".join(list(value)[:8])).strip("'")
        raise RowError(f"no question: the row has the fields {names}; name those that count")
    more = [value.get("input")] if known == "instruction" else []
    return tuple(_strings([value[known], *more]))


def _field(value: dict[str, Any], name: str) -> object:
    """The value under `a.b.c`."""
    found: object = value
    for key in name.split("."):
        if not isinstance(found, dict) or key not in found:
            names = ascii(", ".join(list(value)[:8])).strip("'")
            raise RowError(f"{name}: no such field; the row has {names}")
        found = found[key]
    return found


def _is_text(value: object) -> bool:
    texts = value if isinstance(value, list) else [value]
    return bool(texts) and all(isinstance(text, str) for text in texts) and any(texts)


def _strings(value: object) -> list[str]:
    """Every text in a JSON value, in its order."""
    found: list[str] = []
    _gather(value, found)
    return found


def _gather(value: object, found: list[str]) -> None:
    """Append what `_strings` gives; a list that is handed down is twice as fast as nested generators."""
    if isinstance(value, str):
        if value:
            found.append(value)
    elif isinstance(value, dict):
        for key, item in value.items():
            if key not in _NOT_TEXT:
                _gather(item, found)
    elif isinstance(value, list):
        for item in value:
            _gather(item, found)
