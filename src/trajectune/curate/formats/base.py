"""What a format is: a way of writing an example as one JSON row, and of reading it back.

The idea: a format knows its own fields only. It turns a row into messages and tools (`parse`) and an
example into a row (`render`), side by side in one file. Ids, sources, fields of other people and the
exact spelling of the original row are the business of `trajectune.curate.formats.rows`, the same for
all formats; what a turn may hold (`turns`) and a call (`calls`) is the same for all of them too.

Invariants: `parse(render(example))` gives back the words of `example`, or the example does not fit. What
a row holds is read, or the row is rejected, or a note says what was left.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa

from trajectune.example import Example, Message
from trajectune.storage import json_type
from trajectune.trajectory import Tool

JsonObject = dict[str, Any]
LISTS = ("messages", "conversations", "conversation")
"""Names under which a row's list of turns is met."""
Notes = set[str]
"""What of a row does not reach the trainer although the row is read, each in a few words."""


class RowError(ValueError):
    """A row cannot be read or written: which field, what was expected, what was found."""

    @classmethod
    def expected(cls, field: str, what: str, found: object) -> RowError:
        """`field: expected what, found …`."""
        shown = f"{found!a}" if isinstance(found, str) and len(found) < 40 else json_type(found)
        return cls(f"{field}: expected {what}, found {shown}")


class Reader(ABC):
    """One way in which people store conversations, to be read."""

    name: ClassVar[str]
    fields: ClassVar[frozenset[str]]
    """The row's fields that `parse` reads; all others are carried along untouched."""
    spellings: ClassVar[Mapping[str, str]] = {}
    """Other names that are met for its fields, each with the format's own name."""
    id_field: ClassVar[str] = "id"

    @abstractmethod
    def recognises(self, row: JsonObject) -> bool:
        """Whether a row has this format's shape. Its values may still be wrong."""

    @abstractmethod
    def parse(self, row: JsonObject, notes: Notes) -> tuple[list[Message], list[Tool]]:
        """The messages and tools of a row; what of it is left is noted. Raises `RowError`."""

    def further(self, row: JsonObject) -> dict[str, Any]:
        """Further fields of the example, in the format that holds the whole of it; none in all others."""
        del row
        return {}


class Format(Reader):
    """One way of writing examples as rows, and of reading them back."""

    @abstractmethod
    def render(self, example: Example) -> JsonObject:
        """The format's own fields for an example. Raises `RowError` where the example does not fit."""

    @property
    @abstractmethod
    def columns(self) -> list[pa.Field]:
        """The format's own fields as Parquet columns; free-form parts are JSON text."""


def objects(row: JsonObject, field: str) -> list[JsonObject]:
    """The list of objects in `row[field]`. Raises `RowError` unless it is one and not empty."""
    value = row.get(field)
    if not isinstance(value, list) or not value:
        raise RowError.expected(field, "a list with at least one turn", value)
    for index, item in enumerate(value):
        if not isinstance(item, dict):
            raise RowError.expected(f"{field}.{index}", "an object", item)
    return value


def text(owner: JsonObject, key: str, place: str = "") -> str:
    """The string in `owner[key]`. Raises `RowError` unless it is one."""
    value = owner.get(key)
    if not isinstance(value, str):
        raise RowError.expected(f"{place}{key}", "a string", value)
    return value


def optional_text(owner: JsonObject, key: str, place: str = "") -> str:
    """The string in `owner[key]`, empty where it is missing or null."""
    return "" if owner.get(key) is None else text(owner, key, place)
