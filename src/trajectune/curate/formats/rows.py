"""Rows to examples and back, for every format: ids, sources, other people's fields, exact spelling.

The idea: a format reads and writes its own fields; what is the same for all of them stands here.
Fields that no format knows go into `Example.metadata` under their own names and come out again in
whatever format is written (in one field of ours where a name is the format's own). How the original row
differed from the canonical one is kept under `metadata["_kept"]` with a fingerprint.

Invariants: an example that was not changed since it was read gives back its row exactly when written
in the same format; one that was changed is written as it now is. Whatever is written has been read
back first: words that do not fit are an error, annotations that do not fit are named.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from pydantic import ValidationError

from trajectune.curate.formats.base import LISTS, Format, JsonObject, Notes, Reader, RowError
from trajectune.curate.formats.kept import difference, digest, patched
from trajectune.curate.formats.reading.calls import json_value
from trajectune.curate.formats.reading.padding import unpadded
from trajectune.curate.formats.reading.unread import note_unread
from trajectune.curate.formats.stored.plain import plain
from trajectune.example import Example, Message
from trajectune.storage import Row, explain

KEPT = "_kept"
METADATA_COLUMN = "trajectune_metadata"
"""The field that holds `Example.metadata` in Parquet (as JSON text), and where names would clash."""
_EARLIER_COLUMN = "agenttune_metadata"
"""Its name in files that were written before the project was renamed."""
_OUTER = frozenset({"id", "source", METADATA_COLUMN})
_LABELS = frozenset({"metadata"})
"""Fields that hold what describes a row, whatever their size."""


_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_TOO_DEEP = "nested too deep to be read"


def read_row(
    form: Reader, row: Row, source: str | None, default_source: str, notes: Notes | None = None
) -> Example:
    """The example in a row. `source` overrules the row's own; `default_source` stands in for it.

    What of the row does not reach the trainer is added to `notes`. Raises `RowError` that names the field
    and what was expected there.
    """
    try:
        return _read(form, row, source, default_source, set() if notes is None else notes)
    except ValidationError as error:
        raise RowError(explain(error)) from None
    except RecursionError:
        raise RowError(_TOO_DEEP) from None


def _read(form: Reader, row: Row, source: str | None, default_source: str, notes: Notes) -> Example:
    _check_json(row.value)
    current = {METADATA_COLUMN if key == _EARLIER_COLUMN else key: item for key, item in row.value.items()}
    value, spelling = _respelled(form, current)
    own_source = value.get("source")
    given = own_source if isinstance(own_source, str) else default_source
    clean = unpadded(value, notes)
    messages, tools = form.parse(clean, notes)
    example = Example(
        id=_id(value.get(form.id_field), f"{given}-{row.place}"),
        source=given if source is None else source,
        messages=messages,
        tools=tools,
        template=form.template(clean),
        history_limit=form.history_limit(clean),
        metadata=_metadata(form, value, notes),
    )
    if METADATA_COLUMN in value or form.name == "example" or not isinstance(form, Format):
        return example
    return _with_kept(form, example, value, spelling)


def canonical_row(form: Format, example: Example) -> tuple[JsonObject, JsonObject]:
    """The format's own fields for an example with its id and source, and the fields carried along."""
    own = {"id": example.id, "source": example.source, **form.render(example)}
    if form.name == "example":
        return own, {"metadata": plain(example.metadata)} if example.metadata else {}
    carried = _carried(example)
    respelled = {name for name, meant in form.spellings.items() if meant not in own}
    if carried.keys() & (_OUTER | set(LISTS) | form.fields | respelled):
        return own, {METADATA_COLUMN: carried}
    return own, carried


def _carried(example: Example) -> JsonObject:
    """The metadata as fields of a row."""
    return {key: value for key, value in plain(example.metadata).items() if key != KEPT}


def write_row(form: Format, example: Example) -> tuple[JsonObject, list[str]]:
    """The row of an example and the names of what does not fit in it.

    Raises `RowError` when words (messages, reasoning, tool calls) would be lost.
    """
    try:
        own, extra = canonical_row(form, example)
        exact = _exact(form, example, own)
        if exact is not None:
            return exact, []
        row = {**own, **extra}
        return row, misfits(form, example, row)
    except RecursionError:
        raise RowError(_TOO_DEEP) from None


def _exact(form: Format, example: Example, own: JsonObject) -> JsonObject | None:
    """The row that an example was read from, where it was not changed since; `None` where it was.

    What is kept came out of a file, so it is believed only when the row reads as the example.
    """
    kept = example.metadata.get(KEPT)
    if not isinstance(kept, dict) or kept.get("format") != form.name or kept.get("digest") != digest(own):
        return None
    try:
        row = patched(own, kept["patch"]) if kept.get("patch") else own
        names = kept.get("spelling", {})
        found = {**{names.get(key, key): value for key, value in row.items()}, **_carried(example)}
        return None if misfits(form, example, found) else found
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return None


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
        "the limit of the history": example.history_limit != again.history_limit,
        "sampled tokens": example.template != again.template or any(a.tokens != b.tokens for a, b in pairs),
        "names": any(a.name != b.name for a, b in pairs),
        "tools": example.tools != again.tools,
        "fields": bool(set(map(str, example.metadata)) - {KEPT} - set(again.metadata)),
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
    own = {"role": message.role, "content": message.content, "tool_calls": calls}
    return {**own, "reasoning": message.reasoning} if message.reasoning else own


def _check_json(value: JsonObject) -> None:
    """Refuse what no file can hold: text that is no Unicode (half a surrogate pair), endless numbers."""
    try:
        _JSON.encode(value).encode()
    except (TypeError, ValueError):
        for key, item in value.items():
            _check_field(key, item)
        raise


def _check_field(key: str, item: object) -> None:
    try:
        _JSON.encode([key, item]).encode()
    except UnicodeEncodeError as error:
        raise RowError(f"{key!a}: not UTF-8, or half of a surrogate pair: {error.reason}") from None
    except (TypeError, ValueError) as error:
        raise RowError(f"{key!a}: not JSON: {error}") from None


def _respelled(form: Reader, value: JsonObject) -> tuple[JsonObject, dict[str, str]]:
    """The row under the format's own names, and which other names it used."""
    names: dict[str, str] = {}
    for other, own in form.spellings.items():
        if other in value and own not in value and own not in names:
            names[own] = other
    back = {other: own for own, other in names.items()}
    return {back.get(key, key): item for key, item in value.items()}, names


def _with_kept(form: Format, example: Example, value: JsonObject, spelling: dict[str, str]) -> Example:
    own = {"id": example.id, "source": example.source, **form.render(example)}
    patch = difference(own, {key: item for key, item in value.items() if key not in example.metadata})
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


def _metadata(form: Reader, value: JsonObject, notes: Notes) -> dict[str, Any]:
    column = METADATA_COLUMN if METADATA_COLUMN in value else "metadata"
    if KEPT in value:
        raise RowError(f"{KEPT}: expected no field of this name, which is ours; rename it")
    known = form.fields | _OUTER | {form.id_field}
    rest = {key: item for key, item in value.items() if key not in known}
    note_unread(rest, _LABELS, "a row", notes)
    if METADATA_COLUMN not in value and form.name != "example":
        return rest
    stored = json_value(value.get(column), column) or {}
    if not isinstance(stored, dict):
        raise RowError.expected(column, "an object", stored)
    strange = set() if column == METADATA_COLUMN else set(rest) - {"metadata"}
    if strange:
        raise RowError(f"{min(strange)}: an example has no such field; put it into metadata")
    return stored
