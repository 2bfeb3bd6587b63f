"""Rows to examples and back, for every format: ids, sources, other people's fields, exact spelling.

The idea: a format reads and writes its own fields; what is the same for all of them stands here.
Fields that no format knows go into `Example.metadata` under their own names and come out again in
whatever format is written. How the original row differed from the canonical one is kept under
`metadata["_kept"]` with a fingerprint.

Invariants: an example that was not changed since it was read gives back its row exactly when written
in the same format; one that was changed is written as it now is. Whatever is written has been read
back first: words that do not fit are an error, annotations that do not fit are named.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from trajectune.curate.formats.base import Format, JsonObject, RowError, json_value
from trajectune.curate.formats.kept import difference, digest, patched
from trajectune.example import Example, Message
from trajectune.storage import Row, explain

KEPT = "_kept"
METADATA_COLUMN = "trajectune_metadata"
"""The Parquet column that holds `Example.metadata` as JSON text."""
_EARLIER_COLUMN = "agenttune_metadata"
"""Its name in files that were written before the project was renamed."""


def read_row(form: Format, row: Row, source: str | None, default_source: str) -> Example:
    """The example in a row. `source` overrules the row's own; `default_source` stands in for it.

    Raises `RowError` that names the field and what was expected there.
    """
    _check_text(row.value)
    current = {METADATA_COLUMN if key == _EARLIER_COLUMN else key: item for key, item in row.value.items()}
    value, spelling = _respelled(form, current)
    own_source = value.get("source")
    given = own_source if isinstance(own_source, str) else default_source
    try:
        messages, tools = form.parse(value)
        example = Example(
            id=_id(value.get("id"), f"{given}-{row.place}"),
            source=given if source is None else source,
            messages=messages,
            tools=tools,
            template=form.template(value),
            metadata=_metadata(form, value),
        )
    except ValidationError as error:
        raise RowError(explain(error)) from None
    if METADATA_COLUMN in value or form.name == "example":
        return example
    return _with_kept(form, example, value, spelling)


def canonical_row(form: Format, example: Example) -> tuple[JsonObject, JsonObject]:
    """The format's own fields for an example with its id and source, and the fields carried along."""
    own = {"id": example.id, "source": example.source, **form.render(example)}
    if form.name == "example":
        return own, {"metadata": example.metadata} if example.metadata else {}
    return own, {key: value for key, value in example.metadata.items() if key not in own and key != KEPT}


def write_row(form: Format, example: Example) -> tuple[JsonObject, list[str]]:
    """The row of an example and the names of what does not fit in it.

    Raises `RowError` when words (messages, tool calls) would be lost.
    """
    own, extra = canonical_row(form, example)
    kept = example.metadata.get(KEPT)
    if isinstance(kept, dict) and kept.get("format") == form.name and kept.get("digest") == digest(own):
        row = patched(own, kept["patch"]) if kept.get("patch") else own
        names = kept.get("spelling", {})
        return {**{names.get(key, key): value for key, value in row.items()}, **extra}, []
    row = {**own, **extra}
    return row, misfits(form, example, row)


def misfits(form: Format, example: Example, row: JsonObject) -> list[str]:
    """What of an example is not found again when its row is read: proven by reading it.

    Raises `RowError` when it is the words themselves.
    """
    try:
        again = read_row(form, Row(0, row), None, example.source)
    except RowError as error:
        raise RowError(f"does not fit {form.name}: {error}") from None
    _check_words(form, example.messages, again.messages)
    pairs = list(zip(example.messages, again.messages, strict=True))
    found = {
        "trained flags": any(a.trained != b.trained for a, b in pairs),
        "spans": any(a.spans != b.spans for a, b in pairs),
        "tool call ids": any(_loses_ids(a, b) for a, b in pairs),
        "sampled tokens": example.template != again.template or any(a.tokens != b.tokens for a, b in pairs),
        "names": any(a.name != b.name for a, b in pairs),
        "tools": example.tools != again.tools,
        "fields": bool(set(example.metadata) - {KEPT} - set(again.metadata)),
    }
    return [name for name, lost in found.items() if lost]


def _loses_ids(message: Message, again: Message) -> bool:
    """Whether an id of a call is another in what was read; one that was made up is no loss."""
    pairs = [(message.tool_call_id, again.tool_call_id)]
    pairs += [(a.id, b.id) for a, b in zip(message.tool_calls, again.tool_calls, strict=True)]
    return any(own not in ("", other) for own, other in pairs)


def _check_words(form: Format, wanted: Sequence[Message], got: Sequence[Message]) -> None:
    for index, message in enumerate(wanted):
        other = got[index] if index < len(got) else None
        words = _words(message)
        found = {} if other is None else _words(other)
        for field in words:
            if words[field] != found.get(field):
                raise RowError(
                    f"does not fit {form.name}: messages.{index}.{field} cannot be written there"
                )
    if len(got) > len(wanted):
        raise RowError(f"does not fit {form.name}: it would read {len(got)} messages for {len(wanted)}")


def _words(message: Message) -> dict[str, object]:
    """What no format may lose."""
    calls = [(call.name, call.arguments) for call in message.tool_calls]
    return {"role": message.role, "content": message.content, "tool_calls": calls}


def _check_text(value: JsonObject) -> None:
    """Refuse text that is no Unicode (bytes that were no UTF-8, half a surrogate pair): it has no bytes."""
    for key, item in value.items():
        try:
            json.dumps([key, item], ensure_ascii=False, default=str).encode()
        except UnicodeEncodeError as error:
            raise RowError(f"{key!a}: not UTF-8, or half of a surrogate pair: {error.reason}") from None


def _respelled(form: Format, value: JsonObject) -> tuple[JsonObject, dict[str, str]]:
    """The row under the format's own names, and which other names it used."""
    names: dict[str, str] = {}
    for other, own in form.spellings.items():
        if other in value and own not in value and own not in names:
            names[own] = other
    back = {other: own for own, other in names.items()}
    return {back.get(key, key): item for key, item in value.items()}, names


def _with_kept(form: Format, example: Example, value: JsonObject, spelling: dict[str, str]) -> Example:
    own, extra = canonical_row(form, example)
    patch = difference(own, {key: item for key, item in value.items() if key not in extra})
    if patch is None and not spelling:
        return example
    parts = {"format": form.name, "digest": digest(own), "patch": patch, "spelling": spelling}
    kept = {name: part for name, part in parts.items() if part}
    return example.model_copy(update={"metadata": {**example.metadata, KEPT: kept}})


def _id(value: object, default: str) -> str:
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise RowError.expected("id", "a string or a whole number", value)
    return str(value)


def _metadata(form: Format, value: JsonObject) -> dict[str, Any]:
    column = METADATA_COLUMN if METADATA_COLUMN in value else "metadata"
    known = form.fields | {"id", "source", KEPT, METADATA_COLUMN}
    rest = {key: item for key, item in value.items() if key not in known}
    if METADATA_COLUMN not in value and form.name != "example":
        return rest
    stored = json_value(value.get(column), column) or {}
    if not isinstance(stored, dict):
        raise RowError.expected(column, "an object", stored)
    strange = set() if column == METADATA_COLUMN else set(rest) - {"metadata"}
    if strange:
        raise RowError(f"{min(strange)}: an example has no such field; put it into metadata")
    return stored
