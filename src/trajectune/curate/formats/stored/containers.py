"""The files that rows stand in: JSON Lines, a JSON array and Parquet; the first two packed as `.gz` too.

The idea: what a file is shows in its name and its first character, and all three give the same stream
of `Row`s in constant memory. Writing chooses by the name alone.

Invariants: a row is yielded or rejected with its line (JSON) or its row number (Parquet), from 1. It holds
nothing but JSON: dates, decimals and the like are text (`trajectune.curate.formats.stored.plain`).
"""

from __future__ import annotations

import contextlib
import io
import json
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, cast

import pyarrow as pa
import pyarrow.parquet as pq

from trajectune.curate.formats.base import JsonObject
from trajectune.curate.formats.stored.jsonstream import read_stream
from trajectune.curate.formats.stored.plain import plain
from trajectune.errors import DataError
from trajectune.storage import (
    Rejected,
    RejectedSink,
    Row,
    encode,
    open_atomic,
    open_binary,
    parse_json,
    read_jsonl,
)

BOM = b"\xef\xbb\xbf"
"""Byte order mark that some programs put before UTF-8."""
PARQUET_BATCH = 256
"""Rows that are in memory at once when Parquet is read or written."""
WRITTEN = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")


def read_rows(path: Path, rejected: RejectedSink) -> Iterator[Row]:
    """Stream the rows of a file. Raises `DataError` when it is no file that can be read."""
    if path.suffix == ".parquet":
        return _read_parquet(path, rejected)
    return _read_json(path, rejected)


def write_rows(path: Path, rows: Iterable[JsonObject], columns: Sequence[pa.Field]) -> None:
    """Write rows atomically into the file that the name asks for; `columns` are Parquet's."""
    if not path.name.endswith(WRITTEN):
        raise DataError(
            f"the name does not say what kind of file to write: {path.name}",
            where=str(path),
            remedy=f"end it in one of {', '.join(WRITTEN)}",
        )
    with open_atomic(path) as file:
        if path.suffix == ".parquet":
            _write_parquet(file, rows, pa.schema(list(columns)))
        elif path.name.removesuffix(".gz").endswith(".jsonl"):
            for row in rows:
                file.write(encode(row))
        else:
            _write_array(file, rows)


def _read_json(path: Path, rejected: RejectedSink) -> Iterator[Row]:
    with open_binary(path) as file:
        if _is_jsonl(file, path):
            yield from read_jsonl(path, rejected)
        else:
            file.seek(0)
            yield from read_stream(file, rejected)


def _is_jsonl(file: IO[bytes], path: Path) -> bool:
    """Whether a file is lines of objects: any file that is no array, unless `.json` says one value.

    `.jsonl` whose first line is a whole list is lines all the same, where others follow.

    As little as possible is read, since the end of a damaged archive must not hide its beginning.
    """
    try:
        start = cast("io.BufferedIOBase", file).read1(1 << 16).removeprefix(BOM).lstrip()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"the file cannot be read: {error}", where=str(path)) from None
    if start.startswith(b"["):
        return not path.name.removesuffix(".gz").endswith(".json") and _is_first_of_lines(file)
    if not path.name.removesuffix(".gz").endswith(".json"):
        return True
    with contextlib.suppress(ValueError, OSError, EOFError, zlib.error):
        file.seek(0)
        return isinstance(parse_json(file.readline(1 << 20).removeprefix(BOM).strip()), dict)
    return False


def _is_first_of_lines(file: IO[bytes]) -> bool:
    """Whether the first line is a whole JSON value, and more stands behind it."""
    with contextlib.suppress(ValueError, OSError, EOFError, zlib.error):
        file.seek(0)
        parse_json(file.readline(1 << 20).removeprefix(BOM).strip())
        return bool(file.read(1 << 16).strip())
    return False


def _write_array(file: IO[bytes], rows: Iterable[JsonObject]) -> None:
    file.write(b"[")
    for index, row in enumerate(rows):
        file.write((b",\n" if index else b"\n") + encode(row).rstrip(b"\n"))
    file.write(b"\n]\n")


def _read_parquet(path: Path, rejected: RejectedSink) -> Iterator[Row]:
    open_binary(path).close()  # says in plain words when it is missing or a directory
    try:
        with pq.ParquetFile(path) as file:
            _check_names(file.schema_arrow.names, path)
            is_plain = all(_holds_json(field.type) for field in file.schema_arrow)
            number = 0
            for batch in file.iter_batches(batch_size=PARQUET_BATCH):
                for value in _batch_values(batch):
                    number += 1
                    if isinstance(value, Exception):
                        rejected.append(Rejected(number, f"a value cannot be read: {value}"))
                    else:
                        yield Row(number, cast("JsonObject", value if is_plain else plain(value)))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"not a Parquet file that can be read: {reason}", where=str(path)) from None


def _batch_values(batch: pa.RecordBatch) -> Iterator[object]:
    """The rows of a batch; an exception for a row with a value that Python has no type for."""
    try:
        yield from batch.to_pylist()
    except (ValueError, OverflowError):  # a date beyond year 9999, bytes in a column of text
        for number in range(batch.num_rows):
            try:
                yield batch.slice(number, 1).to_pylist()[0]
            except (ValueError, OverflowError) as error:
                yield error


def _check_names(names: Sequence[str], path: Path) -> None:
    """Two columns of one name would leave one of them."""
    doubled = next((name for name in names if list(names).count(name) > 1), None)
    if doubled is not None:
        raise DataError(
            f"two columns are called {doubled!a}", where=str(path), remedy="give each a name of its own"
        )


def _holds_json(kind: pa.DataType) -> bool:
    """Whether all values of a column are JSON already."""
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _holds_json(kind.value_type)
    if pa.types.is_struct(kind):
        return all(_holds_json(field.type) for field in kind)
    known = (pa.types.is_string, pa.types.is_large_string, pa.types.is_integer, pa.types.is_boolean)
    return pa.types.is_null(kind) or any(is_known(kind) for is_known in known)


def _write_parquet(file: IO[bytes], rows: Iterable[JsonObject], schema: pa.Schema) -> None:
    with pq.ParquetWriter(file, schema) as writer:
        batch: list[JsonObject] = []
        for row in rows:
            batch.append({field.name: _fitted(row.get(field.name), field.type) for field in schema})
            if len(batch) == PARQUET_BATCH:
                writer.write_batch(pa.RecordBatch.from_pylist(batch, schema))
                batch = []
        if batch:
            writer.write_batch(pa.RecordBatch.from_pylist(batch, schema))


def _fitted(value: Any, column: pa.DataType) -> Any:
    """A value for a column: whatever is no text becomes JSON text where the column is text."""
    if value is None:
        return None
    if pa.types.is_list(column):
        return [_fitted(item, column.value_type) for item in value]
    if pa.types.is_struct(column):
        return {field.name: _fitted(value.get(field.name), field.type) for field in column}
    if pa.types.is_string(column) and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value
