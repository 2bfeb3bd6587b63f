"""Problems from files: AgentBench's dbbench, and any SQLite database with a list of questions.

The idea: a file's row becomes a `Problem` once, when the environment is built; rows that cannot be
used are rejected with the reason, never lost in silence.

Layouts of databases: a `.sqlite`/`.db` file; a MySQL dump (`.sql`) with several databases; a folder
with `NAME/NAME.sqlite` (BIRD, Spider). Questions: a JSON list with `question` (or `query`, as
InterCode has it), the gold statement in `SQL`, `sql`, `gold` or `query`, the database in `db_id` or `db`,
and BIRD's `evidence`, which is shown behind the question.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import Any

from trajectune.environments.contract import Split, Task
from trajectune.environments.database.engine.dump import read_dump
from trajectune.environments.database.engine.image import table_info, table_names
from trajectune.environments.database.engine.problem import CHANGES, Problem
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.scoring import states_match
from trajectune.environments.database.engine.tables import Column, Table, headers
from trajectune.environments.database.generator.generated import answers_of
from trajectune.errors import DataError
from trajectune.storage import Rejected, read_json, read_jsonl

KINDS = {"other": "select", "counting": "count", "comparison": "comparison", "ranking": "ranking"}

UNUSABLE = (KeyError, TypeError, ValueError, IndexError, AttributeError, sqlite3.Error)
"""What a row raises that is not as it should be."""


class FileSource:
    """Problems read from files; all of them are in one split."""

    def __init__(self, split: Split) -> None:
        self.split: Split = split
        self.problems: dict[str, Problem] = {}
        self.rejected: list[Rejected] = []

    def tasks(self, split: Split) -> list[Task]:
        """The tasks, in the order of the file."""
        if split != self.split:
            return []
        return [Task(id, split, problem.kind, {"id": id}) for id, problem in self.problems.items()]

    def problem(self, task: Task) -> Problem:
        """The problem of a task of `tasks`."""
        return self.problems[task.id]

    def leave_out(self, reason: Callable[[Problem], str]) -> None:
        """Reject the problems for which there is a reason."""
        for id, problem in list(self.problems.items()):
            if why := reason(problem):
                del self.problems[id]
                self.rejected.append(Rejected(int(id.rpartition("-")[2]), why))


def dbbench(path: Path, split: Split, typed: bool = True) -> FileSource:
    """AgentBench's `dbbench` JSONL (arXiv 2308.03688): a question in each row, and its table or tables.

    `typed`: columns have the types that the rows name; else all are TEXT, as AgentBench makes them.
    """
    source = FileSource(split)
    for row in read_jsonl(path, source.rejected):
        try:
            source.problems[f"dbbench-{path.stem}-{row.line}"] = dbbench_problem(row.value, typed)
        except UNUSABLE as error:
            source.rejected.append(Rejected(row.line, f"not a dbbench row: {error!r}"))
    if not source.problems:
        raise DataError(
            "No dbbench task could be read.", where=str(path), remedy="Give AgentBench's dbbench JSONL."
        )
    return source


def questions(path: Path, file: Path, split: Split) -> FileSource:
    """Questions with gold SQL over the database(s) at `path`; the gold result is the answer."""
    source = FileSource(split)
    rows = read_json(file)
    if not isinstance(rows, list):
        raise DataError(
            "Not a list of questions.", where=str(file), remedy="A JSON list of objects is needed."
        )
    images, unread = databases_at(str(path))
    source.rejected.extend(unread)
    for number, row in enumerate(rows, 1):
        try:
            source.problems[f"{file.stem}-{number}"] = question_problem(row, images)
        except UNUSABLE as error:
            source.rejected.append(Rejected(number, f"{type(error).__name__}: {error}"))
    return source


def dbbench_problem(row: Mapping[str, Any], typed: bool = True) -> Problem:
    """The problem of a dbbench row. Raises one of `UNUSABLE` where it is none."""
    if row.get("user_sqlite"):
        raise ValueError("its tables are in an SQLite file, which is not read; play it as source: sqlite")
    shapes = row["table"] if isinstance(row["table"], list) else [row["table"]]
    tables = [_dbbench_table(shape, typed) for shape in shapes]
    kind = str(row["type"][0]).lower()
    kind = KINDS.get(kind, kind.removeprefix("aggregation-"))
    evidence = f" ({row['evidence']})" if row.get("evidence") else ""
    question = f"{row['description']}{evidence}\n{row.get('add_description') or headers(tables)}"
    query = str((row.get("sql") or {}).get("query", ""))
    if kind in CHANGES:
        gold = str(row["label"][0]) if row.get("label") else query
        return _sound(
            Problem(question, kind, gold, None, tables, answer_md5=str(row.get("answer_md5") or ""))
        )
    if not isinstance(row["label"], list):
        raise TypeError("its label must be a list")
    return _sound(Problem(question, kind, query, [str(value) for value in row["label"]], tables))


def _dbbench_table(shape: Mapping[str, Any], typed: bool) -> Table:
    """`typed`: as the row says; else every column is TEXT, as AgentBench makes it in MySQL."""
    info = shape["table_info"]
    columns = [Column(str(c["name"]), str(c["type"]) if typed else "TEXT") for c in info["columns"]]
    width = len(columns)
    if not all(isinstance(line, list) for line in info["rows"]):
        raise TypeError("the rows of its table must be lists")
    rows = [[*line[:width], *[None] * (width - len(line))] for line in info["rows"]]
    return Table(str(shape["table_name"]), columns, rows)


def question_problem(row: Mapping[str, Any], images: Mapping[str, bytes]) -> Problem:
    """The problem of a question over one of these databases. Raises one of `UNUSABLE`."""
    words = [str(row[key]) for key in ("question", "query") if key in row]
    statements = [str(row[key]) for key in ("SQL", "sql", "gold", "query") if key in row]
    if not words or not statements:
        raise ValueError("a question and its SQL are needed")
    gold = statements[0]
    name = str(row.get("db_id") or row.get("db") or "")
    image = images[name] if name in images or len(images) > 1 else next(iter(images.values()))
    kind = gold.split(None, 1)[0].lower()
    kind = kind if kind in CHANGES else "select"
    evidence = f" ({row['evidence']})" if row.get("evidence") else ""
    text = f"{words[0]}{evidence}\n{headers(_described(image))}"
    answers = None if kind in CHANGES else _solved(image, gold)
    return _sound(Problem(text, kind, gold, answers, image=image))


def _solved(image: bytes, gold: str) -> list[str]:
    sandbox = Sandbox(image=image)
    try:
        return answers_of(sandbox.query(gold))
    finally:
        sandbox.close()


def _sound(problem: Problem) -> Problem:
    """The problem, or a `ValueError` where an agent that does nothing would be paid."""
    if problem.answers is not None:
        if not problem.answers:
            raise ValueError("the question has no answer")
        return problem
    left, right = (Sandbox(image=problem.image) for _ in range(2))
    try:
        right.run(problem.gold)
        if states_match(left, right):
            raise ValueError(
                "its change leaves all rows as they were, so that doing nothing would be right"
            )
    finally:
        left.close()
        right.close()
    return problem


def _described(image: bytes) -> list[Table]:
    """Names and columns of all tables, without their rows."""
    infos = {name: table_info(image, name) for name in table_names(image)}
    return [
        Table(name, [Column(str(row[1]), str(row[2])) for row in info], ()) for name, info in infos.items()
    ]


@lru_cache(maxsize=8)
def databases_at(path: str) -> tuple[dict[str, bytes], list[Rejected]]:
    """All databases at a path, by name, and what of a dump could not be read."""
    place = Path(path)
    if place.suffix == ".sql":
        dump = read_dump(place)
        return dump.images, dump.rejected
    files = sorted(place.glob("*/*.sqlite")) if place.is_dir() else [place]
    if not files or not files[0].is_file():
        raise DataError(
            "There is no database.",
            where=path,
            remedy="Give a .sqlite file, a MySQL dump (.sql) or a folder.",
        )
    return {file.stem: _image(file) for file in files}, []


def _image(file: Path) -> bytes:
    """The whole file, with what still stands in its write-ahead log; in memory there is no such log."""
    log = file.with_name(f"{file.name}-wal")
    whole = not log.is_file() or log.stat().st_size == 0
    try:
        connection = sqlite3.connect(
            f"{file.resolve().as_uri()}?mode=ro{'&immutable=1' if whole else ''}", uri=True
        )
        with closing(connection):
            connection.execute("SELECT name FROM sqlite_master").fetchall()
            image = connection.serialize()
    except sqlite3.Error as error:
        raise DataError(
            f"Not an SQLite database: {error}.", where=str(file), remedy="Check the file."
        ) from error
    return image[:18] + b"\1\1" + image[20:]  # the header's words on a log: none to write, none to read
