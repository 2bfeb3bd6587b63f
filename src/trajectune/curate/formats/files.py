"""Whole files of examples: guess the format, read it as a stream, write another.

The idea: what a row holds says what format it has, each row for itself. A row that has none is read as most
of the first rows are, which says what is wrong with it.

Invariants: memory does not grow with the file; rows read + rows rejected = rows in the file; what of a row
that was read does not reach the trainer is counted.
"""

from __future__ import annotations

import itertools
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from trajectune.curate.formats.base import Format, JsonObject, Reader, RowError
from trajectune.curate.formats.kinds.agentflan import AgentFLAN
from trajectune.curate.formats.kinds.agentinstruct import AgentInstruct
from trajectune.curate.formats.kinds.alpaca import Alpaca
from trajectune.curate.formats.kinds.oasst import OpenAssistant
from trajectune.curate.formats.kinds.openai import OpenAI
from trajectune.curate.formats.kinds.own import OwnExample
from trajectune.curate.formats.kinds.sharegpt import ShareGPT
from trajectune.curate.formats.kinds.toolbench import ToolBench
from trajectune.curate.formats.rows import METADATA_COLUMN, canonical_row, misfits, read_row, write_row
from trajectune.curate.formats.stored.containers import read_rows, write_rows
from trajectune.curate.formats.stored.plain import plain
from trajectune.errors import DataError, suggestion
from trajectune.example import Example
from trajectune.storage import Rejected, RejectedSink, Row, WarningSink

FORMATS: dict[str, Format] = {
    form.name: form for form in (OwnExample(), AgentInstruct(), ShareGPT(), AgentFLAN(), OpenAI(), Alpaca())
}
"""Formats to write, by name. The order is that of guessing: the more particular shape comes first."""
READERS: dict[str, Reader] = {**FORMATS, **{form.name: form for form in (OpenAssistant(), ToolBench())}}
"""All that can be read: the formats, and trees of conversations."""
GUESS_ROWS = 20
"""Rows that are looked at to find the format of those that have none."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class NumberedExample:
    """An example and where it stood in its file (line, or row of a Parquet file, from 1)."""

    line: int
    example: Example
    format: str
    """What it was read as."""


@dataclass(slots=True)
class WriteCount:
    """What became of the examples that were to be written."""

    written: int = 0
    rejected: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    """For each thing that the format has no place for (`trained flags`): rows that lost it."""


def get_reader(name: str) -> Reader:
    """What reads rows of this name. Raises `DataError` with the nearest names."""
    if name in READERS:
        return READERS[name]
    hint = suggestion(name.lower(), READERS)
    raise DataError(f"unknown format {name!r}", remedy=f"{hint}formats are {', '.join(READERS)}")


def get_format(name: str) -> Format:
    """The format of a name, to write. Raises `DataError` with the nearest names."""
    if name in FORMATS:
        return FORMATS[name]
    if name in READERS:
        raise DataError(f"{name} is only read", remedy=f"formats to write are {', '.join(FORMATS)}")
    hint = suggestion(name.lower(), FORMATS)
    raise DataError(f"unknown format {name!r}", remedy=f"{hint}formats are {', '.join(FORMATS)}")


def recognised(row: JsonObject) -> Reader | None:
    """The format that a row has; `None` where it has none."""
    return next((form for form in READERS.values() if form.recognises(row)), None)


def guess_format(rows: Iterable[JsonObject]) -> Reader | None:
    """The format that most of the rows have; `None` when no row has any."""
    votes = Counter(form.name for row in rows if (form := recognised(row)))
    return READERS[votes.most_common(1)[0][0]] if votes else None


def guess_file(path: Path | str) -> Reader | None:
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
    notes: Counter[str] | None = None,
) -> Iterator[Example]:
    """Stream the examples of a file in constant memory; the format is guessed unless it is given.

    `source` overrules each row's own; where neither is given it is the file's name. Rows that cannot
    be read go to `rejected`; what of the others does not reach the trainer is counted in `notes`, by rows
    (both to the log when there is none). Raises `DataError` when the file cannot be read or no row has a
    known format.
    """
    for numbered in read_numbered(path, rejected, source, format, notes):
        yield numbered.example


def read_numbered(
    path: Path | str,
    rejected: RejectedSink | None = None,
    source: str | None = None,
    format: str | None = None,
    notes: Counter[str] | None = None,
) -> Iterator[NumberedExample]:
    """`read_examples` with the place and the format of each example."""
    path = Path(path)
    sink = WarningSink(path) if rejected is None else rejected
    counted: Counter[str] = Counter() if notes is None else notes
    form = get_reader(format) if format else guess_file(path)
    names = Names(source, path.name.split(".")[0])
    yield from examples_in(read_rows(path, sink), form, names, sink, counted, guess=not format)
    if notes is None:
        for note, rows in counted.items():
            _log.warning("%s: %s (%d rows)", path, note, rows)


@dataclass(frozen=True, slots=True)
class Names:
    """What rows are called after."""

    source: str | None
    """The data set, whatever a row says; `None` where each row may say it."""
    default: str
    """The data set of rows that do not say."""


def examples_in(
    rows: Iterable[Row],
    form: Reader | None,
    names: Names,
    rejected: RejectedSink,
    notes: Counter[str],
    *,
    guess: bool = True,
) -> Iterator[NumberedExample]:
    """The examples in rows; each row counts once, as an example or in `rejected`.

    With `guess`, `form` reads the rows that have no known shape; without, it reads all of them.
    """
    for row in rows:
        found: set[str] = set()
        reader = (recognised(row.value) if guess else None) or form
        try:
            if reader is None:
                raise RowError("no known format")
            example = read_row(reader, row, names.source, names.default, found)
        except RowError as error:
            nth = f"value {row.part + 1} of the line: " if row.part else ""
            rejected.append(Rejected(row.line, f"{nth}{error}"))
            continue
        notes.update(found)
        yield NumberedExample(row.line, example, reader.name)


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
    row = {**own, METADATA_COLUMN: plain(example.metadata)}
    return row, misfits(form, example, row)


def _no_format(path: Path, row: Row) -> DataError:
    if is_trajectory(row.value):
        return DataError(
            "these are trajectories, not examples",
            where=str(path),
            remedy="a dialect turns them into examples: see `trajectune curate --help`",
        )
    fields = ascii(", ".join(list(row.value)[:8])).strip("'")
    return DataError(
        f"no known format: the first row has the fields {fields}",
        where=f"{path}, line {row.line}",
        remedy=f"formats are {', '.join(READERS)}; name one when the guess fails",
    )
