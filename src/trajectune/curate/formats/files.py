"""Whole files of examples: guess the format, read it as a stream, write another.

The idea: the shape of the first rows says what the format is; from then on every row must have it, and
one that has not is rejected with the reason.

Invariants: memory does not grow with the file; rows read + rows rejected = rows in the file.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from trajectune.curate.formats.agentflan import AgentFLAN
from trajectune.curate.formats.agentinstruct import AgentInstruct
from trajectune.curate.formats.alpaca import Alpaca
from trajectune.curate.formats.base import Format, JsonObject, RowError
from trajectune.curate.formats.containers import read_rows, write_rows
from trajectune.curate.formats.openai import OpenAI
from trajectune.curate.formats.own import OwnExample
from trajectune.curate.formats.rows import METADATA_COLUMN, canonical_row, misfits, read_row, write_row
from trajectune.curate.formats.sharegpt import ShareGPT
from trajectune.errors import DataError, suggestion
from trajectune.example import Example
from trajectune.storage import Rejected, RejectedSink, Row, WarningSink

FORMATS: dict[str, Format] = {
    form.name: form for form in (OwnExample(), AgentInstruct(), ShareGPT(), AgentFLAN(), OpenAI(), Alpaca())
}
"""All formats by name. The order is that of guessing: the more particular shape comes first."""
GUESS_ROWS = 20
"""Rows that are looked at before the format is settled."""


@dataclass(frozen=True, slots=True)
class NumberedExample:
    """An example and where it stood in its file (line, or row of a Parquet file, from 1)."""

    line: int
    example: Example


@dataclass(slots=True)
class WriteCount:
    """What became of the examples that were to be written."""

    written: int = 0
    rejected: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    """For each thing that the format has no place for (`trained flags`): rows that lost it."""


def get_format(name: str) -> Format:
    """The format of a name. Raises `DataError` with the nearest names."""
    if name in FORMATS:
        return FORMATS[name]
    hint = suggestion(name.lower(), FORMATS)
    raise DataError(f"unknown format {name!r}", remedy=f"{hint}formats are {', '.join(FORMATS)}")


def guess_format(rows: Iterable[JsonObject]) -> Format | None:
    """The format that most of the rows have; `None` when no row has any."""
    votes = Counter(name for row in rows if (name := _recognised(row)))
    return FORMATS[votes.most_common(1)[0][0]] if votes else None


def guess_file(path: Path | str) -> Format | None:
    """The format of a file, from its first rows; `None` when it has no row that can be read.

    Raises `DataError` when it has rows and none of them has a known format.
    """
    head = list(itertools.islice(read_rows(Path(path), []), GUESS_ROWS))
    form = guess_format(row.value for row in head)
    if form is None and head:
        raise _no_format(Path(path), head[0])
    return form


def is_trajectory(row: JsonObject) -> bool:
    """Whether a row has the shape of a `Trajectory`, which is no example before a dialect renders it."""
    return row.keys() >= {"environment", "task", "steps", "outcome"}


def read_examples(
    path: Path | str,
    rejected: RejectedSink | None = None,
    source: str | None = None,
    format: str | None = None,
) -> Iterator[Example]:
    """Stream the examples of a file in constant memory; the format is guessed unless it is given.

    `source` overrules each row's own; where neither is given it is the file's name. Rows that cannot
    be read go to `rejected` (to the log when there is none). Raises `DataError` when the file cannot
    be read or no row has a known format.
    """
    for numbered in read_numbered(path, rejected, source, format):
        yield numbered.example


def read_numbered(
    path: Path | str,
    rejected: RejectedSink | None = None,
    source: str | None = None,
    format: str | None = None,
) -> Iterator[NumberedExample]:
    """`read_examples` with the place of each example."""
    path = Path(path)
    sink = WarningSink(path) if rejected is None else rejected
    form = get_format(format) if format else guess_file(path)
    name = path.name.split(".")[0]
    for row in read_rows(path, sink):
        try:
            if form is not None:
                yield NumberedExample(row.line, read_row(form, row, source, name))
        except RowError as error:
            nth = f"value {row.part + 1} of the line: " if row.part else ""
            sink.append(Rejected(row.line, f"{nth}{error}"))


def write_examples(
    path: Path | str, examples: Iterable[Example], format: str, rejected: RejectedSink | None = None
) -> WriteCount:
    """Write a file atomically, as JSONL, a JSON array or Parquet by its name (`.gz` packs).

    An example whose words do not fit the format goes to `rejected` with its number among `examples`
    (from 1; to the log when there is no `rejected`); what else does not fit is counted.
    Raises `DataError` when the file cannot be written.
    """
    path, form, count = Path(path), get_format(format), WriteCount()
    sink = WarningSink(path) if rejected is None else rejected
    to_row = _parquet_row if path.suffix == ".parquet" else write_row

    def rows() -> Iterator[JsonObject]:
        for number, example in enumerate(examples, start=1):
            try:
                row, lost = to_row(form, example)
            except RowError as error:
                count.rejected += 1
                sink.append(Rejected(number, str(error)))
                continue
            count.written += 1
            count.lost.update(lost)
            yield row

    text = pa.string()
    outer = [pa.field(name, text) for name in ("id", "source")]
    write_rows(path, rows(), [*outer, *form.columns, pa.field(METADATA_COLUMN, text)])
    return count


def _parquet_row(form: Format, example: Example) -> tuple[JsonObject, list[str]]:
    """The canonical row with all metadata in one column, since Parquet's columns are settled beforehand."""
    own, _ = canonical_row(form, example)
    row = {**own, METADATA_COLUMN: example.metadata}
    return row, misfits(form, example, row)


def _recognised(row: JsonObject) -> str | None:
    return next((name for name, form in FORMATS.items() if form.recognises(row)), None)


def _no_format(path: Path, row: Row) -> DataError:
    if is_trajectory(row.value):
        return DataError(
            "these are trajectories, not examples",
            where=str(path),
            remedy="a dialect turns them into examples: see `trajectune curate --help`",
        )
    fields = ", ".join(list(row.value)[:8])
    return DataError(
        f"no known format: the first row has the fields {fields}",
        where=f"{path}, line {row.line}",
        remedy=f"formats are {', '.join(FORMATS)}; name one when the guess fails",
    )
