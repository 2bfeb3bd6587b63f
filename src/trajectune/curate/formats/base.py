"""What a format is: a way of writing an example as one JSON row, and of reading it back.

The idea: a format knows its own fields only. It turns a row into messages and tools (`parse`) and an
example into a row (`render`), side by side in one file. Ids, sources, fields of other people and the
exact spelling of the original row are the business of `trajectune.curate.formats.rows`, the same for
all formats.

Invariant: `parse(render(example))` gives back the words of `example`, or the example does not fit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import pyarrow as pa

from trajectune.example import Example, Message
from trajectune.storage import json_type, parse_json
from trajectune.trajectory import Tool, ToolCall

JsonObject = dict[str, Any]


class RowError(ValueError):
    """A row cannot be read or written: which field, what was expected, what was found."""

    @classmethod
    def expected(cls, field: str, what: str, found: object) -> RowError:
        """`field: expected what, found …`."""
        shown = f"{found!r}" if isinstance(found, str) and len(found) < 40 else json_type(found)
        return cls(f"{field}: expected {what}, found {shown}")


class Format(ABC):
    """One way of writing examples as rows."""

    name: ClassVar[str]
    fields: ClassVar[frozenset[str]]
    """The row's fields that `parse` reads; all others are carried along untouched."""
    spellings: ClassVar[Mapping[str, str]] = {}
    """Other names that are met for its fields, each with the format's own name."""

    @abstractmethod
    def recognises(self, row: JsonObject) -> bool:
        """Whether a row has this format's shape. Its values may still be wrong."""

    @abstractmethod
    def parse(self, row: JsonObject) -> tuple[list[Message], list[Tool]]:
        """The messages and tools of a row. Raises `RowError`."""

    @abstractmethod
    def render(self, example: Example) -> JsonObject:
        """The format's own fields for an example. Raises `RowError` where the example does not fit."""

    def template(self, row: JsonObject) -> str:
        """`Example.template`, in the format that holds sampled tokens; empty in all others."""
        del row
        return ""

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


def is_trained(turn: JsonObject, place: str) -> bool:
    """The `loss` flag of an assistant's turn: a missing or null one means trained."""
    loss = turn.get("loss")
    if loss is not None and not isinstance(loss, bool):
        raise RowError.expected(f"{place}loss", "true, false or null", loss)
    return loss is not False


def json_value(value: object, place: str) -> Any:
    """`value`, parsed first when it is JSON text."""
    if not isinstance(value, str):
        return value
    try:
        return parse_json(value) if value.strip() else None
    except ValueError as error:
        raise RowError(f"{place}: {error}") from None


def parse_call(value: object, place: str, id: str = "") -> ToolCall:
    """A tool call `{"name", "arguments"}` under its `id`; the arguments may be JSON text."""
    if not isinstance(value, dict):
        raise RowError.expected(place, "an object with name and arguments", value)
    arguments = json_value(value.get("arguments"), f"{place}.arguments")
    if arguments is not None and not isinstance(arguments, dict):
        raise RowError.expected(f"{place}.arguments", "a JSON object", arguments)
    return ToolCall(name=text(value, "name", f"{place}."), arguments=arguments or {}, id=id)


def parse_tools(row: JsonObject, field: str = "tools") -> list[Tool]:
    """The tools of a row: a list, or JSON text of one, of functions with or without OpenAI's wrapper."""
    value = json_value(row.get(field), field)
    if value is None:
        return []
    if not isinstance(value, list):
        raise RowError.expected(field, "a list of tools", value)
    return [_parse_tool(item, f"{field}.{index}") for index, item in enumerate(value)]


def _parse_tool(value: object, place: str) -> Tool:
    inner = value.get("function", value) if isinstance(value, dict) else value
    if not isinstance(inner, dict):
        raise RowError.expected(place, "an object", inner)
    parameters = inner.get("parameters")
    if parameters is not None and not isinstance(parameters, dict):
        raise RowError.expected(f"{place}.parameters", "a JSON schema", parameters)
    return Tool(
        name=text(inner, "name", f"{place}."),
        description=optional_text(inner, "description", f"{place}."),
        parameters=parameters or {},
    )
