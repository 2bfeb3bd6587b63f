"""Where rows come from: files of any known kind, tables, archives of them, environments and examples.

Invariant: a row of a file is yielded or rejected with its place and the reason; nothing is skipped.
"""

from __future__ import annotations

import csv
import io
import itertools
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from trajectune.curate.contamination.texts import (
    QUESTION_FIELDS,
    TextRow,
    evaluation_texts,
    example_texts,
    training_texts,
)
from trajectune.curate.formats.base import RowError
from trajectune.curate.formats.stored.containers import read_rows
from trajectune.environments.contract import Environment, Split
from trajectune.errors import DataError
from trajectune.example import Example
from trajectune.progress import Progress, announce
from trajectune.storage import Rejected, Row, open_binary

TABLES = (".csv", ".tsv", ".txt")
"""Ends of names of files whose lines are rows without JSON."""


@dataclass(slots=True)
class Source:
    """Rows under one name, read anew whenever they are asked for."""

    name: str
    read: Callable[[list[Rejected]], Iterable[TextRow]]
    """Called with the list that rows which cannot be read go to."""
    rejected: list[Rejected] = field(default_factory=list)
    """Of the last reading."""

    def __iter__(self) -> Iterator[TextRow]:
        self.rejected = []
        yield from self.read(self.rejected)


def training_file(path: Path | str) -> Source:
    """All texts of a file of rows: conversations, trajectories, or any other JSON and Parquet."""
    path = Path(path)
    return Source(path.name, lambda bad: map(training_texts, read_rows(path, bad)))


def training_examples(examples: Iterable[Example], name: str = "examples") -> Source:
    """All texts of examples."""
    return Source(name, lambda _: map(example_texts, examples))


def evaluation_file(path: Path | str, fields: Sequence[str] = ()) -> Source:
    """What the rows of a file ask: JSON, Parquet, CSV, TSV, lines of text, or a zip of such files.

    `fields` names what counts (`question`, `a.b`); else see `trajectune.curate.contamination.texts`. In a
    table without a heading all columns but the last, the answer, count.
    """
    path = Path(path)
    if path.suffix == ".zip":
        return Source(path.name, lambda bad: _zipped(path, fields, bad))
    if path.name.removesuffix(".gz").endswith(TABLES):
        return Source(path.name, lambda bad: _table_file(path, fields, bad))
    return Source(path.name, lambda bad: _asked(read_rows(path, bad), fields, bad))


def evaluation_tasks(environment: Environment, split: Split, name: str = "") -> Source:
    """The problems of an environment's tasks, as an agent is first told them.

    The rules (`instruction`) do not count: they are the same for all tasks of a kind, in every split.
    """
    name = name or f"{environment.name} {split}"
    return Source(name, lambda _: _tasks(environment, split, name))


def _tasks(environment: Environment, split: Split, name: str) -> Iterator[TextRow]:
    tasks = environment.tasks(split)
    for number, task in enumerate(tasks, 1):
        episode = environment.open(task)
        try:
            yield TextRow(task.id, (episode.observation,))
        finally:
            episode.close()
        announce(Progress(f"tasks of {name}", number, len(tasks)))


def _asked(
    rows: Iterable[Row], fields: Sequence[str], rejected: list[Rejected], file: str = ""
) -> Iterator[TextRow]:
    for row in rows:
        try:
            found = evaluation_texts(row, fields)
        except RowError as error:
            rejected.append(Rejected(row.line, f"{file} {error}".lstrip()))
            continue
        yield TextRow(f"{file} {found.place}".lstrip(), found.texts)


def _table_file(path: Path, fields: Sequence[str], rejected: list[Rejected]) -> Iterator[TextRow]:
    with open_binary(path) as file:
        yield from _table(file, path.name.removesuffix(".gz"), "", fields, rejected)


def _zipped(path: Path, fields: Sequence[str], rejected: list[Rejected]) -> Iterator[TextRow]:
    open_binary(path).close()  # says in plain words when it is missing or a directory
    try:
        with zipfile.ZipFile(path) as archive:
            tables = [name for name in sorted(archive.namelist()) if name.endswith(TABLES)]
            if not tables:
                raise DataError(
                    "the archive holds no table",
                    where=str(path),
                    remedy=f"expected files whose names end in {', '.join(TABLES)}; unpack any other",
                )
            for name in tables:
                with archive.open(name) as file:
                    yield from _table(file, name, name, fields, rejected)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DataError(f"the archive cannot be read: {error}", where=str(path)) from None


def _table(
    file: IO[bytes], name: str, prefix: str, fields: Sequence[str], rejected: list[Rejected]
) -> Iterator[TextRow]:
    """The rows of a table. A first line that names a question is a heading."""
    text = io.TextIOWrapper(file, "utf-8-sig", errors="replace", newline="")
    if name.endswith(".txt"):
        lines = ([line.rstrip("\r\n")] for line in text)
        yield from _columns(enumerate(lines, 1), prefix)
        return
    reader = csv.reader(text, delimiter="\t" if name.endswith(".tsv") else ",")
    numbered = ((reader.line_num, cells) for cells in reader)
    try:
        first = next(numbered, None)
        if first is None:
            return
        if set(first[1]) & {*QUESTION_FIELDS, *fields}:
            rows = (Row(line, dict(zip(first[1], cells, strict=False))) for line, cells in numbered)
            yield from _asked(rows, fields, rejected, prefix)
            return
        yield from _columns(itertools.chain([first], numbered), prefix)
    except csv.Error as error:
        rejected.append(Rejected(reader.line_num, f"{prefix} no table from here on: {error}".lstrip()))


def _columns(rows: Iterable[tuple[int, list[str]]], prefix: str) -> Iterator[TextRow]:
    for line, cells in rows:
        asked = cells[:-1] if len(cells) > 1 else cells
        if any(asked):
            yield TextRow(f"{prefix} line {line}".lstrip(), tuple(filter(None, asked)))
