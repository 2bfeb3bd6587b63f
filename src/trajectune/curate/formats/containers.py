"""The files that rows stand in: JSON Lines, a JSON array and Parquet; the first two packed as `.gz` too.

The idea: what a file is shows in its name and its first character, and all three give the same stream
of `Row`s in constant memory. Writing chooses by the name alone.

Invariant: a row is yielded or rejected with its line (JSON) or its row number (Parquet), from 1.
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
from trajectune.curate.formats.jsonstream import read_stream
from trajectune.errors import DataError
from trajectune.storage import RejectedSink, Row, encode, open_atomic, open_binary, parse_json, read_jsonl

BOM = b"\xef\xbb\xbf"
"""Byte order mark that some programs put before UTF-8."""
PARQUET_BATCH = 256
"""Rows that are in memory at once when Parquet is read or written."""
WRITTEN = (".jsonl", ".jsonl.gz", ".json", ".json.gz", ".parquet")


def read_rows(path: Path, rejected: RejectedSink) -> Iterator[Row]:
    """Stream the rows of a file. Raises `DataError` when it is no file that can be read."""
    if path.suffix == ".parquet":
        return _read_parquet(path)
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

    As little as possible is read, since the end of a damaged archive must not hide its beginning.
    """
    try:
        start = cast("io.BufferedIOBase", file).read1(1 << 16).removeprefix(BOM).lstrip()
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"the file cannot be read: {error}", where=str(path)) from None
    if start.startswith(b"["):
        return False
    if not path.name.removesuffix(".gz").endswith(".json"):
        return True
    with contextlib.suppress(ValueError, OSError, EOFError, zlib.error):
        file.seek(0)
        return isinstance(parse_json(file.readline(1 << 20).removeprefix(BOM).strip()), dict)
    return False


def _write_array(file: IO[bytes], rows: Iterable[JsonObject]) -> None:
    file.write(b"[")
    for index, row in enumerate(rows):
        file.write((b",\n" if index else b"\n") + encode(row).rstrip(b"\n"))
    file.write(b"\n]\n")


def _read_parquet(path: Path) -> Iterator[Row]:
    open_binary(path).close()  # says in plain words when it is missing or a directory
    try:
        with pq.ParquetFile(path) as file:
            number = 0
            for batch in file.iter_batches(batch_size=PARQUET_BATCH):
                for value in batch.to_pylist():
                    number += 1
                    yield Row(number, cast("JsonObject", value))
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"not a Parquet file that can be read: {reason}", where=str(path)) from None


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
