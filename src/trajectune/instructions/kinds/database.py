"""Changes to a table, written by a teacher: INSERT, UPDATE and DELETE in plain words, with their statement.

The idea (AgentTuning, section 2.1.1, after Self-Instruct): the teacher sees a table and invents requests
that a person might have, each with the statement that fulfils it. Tables come from the environment's
generator, or from a file of AgentBench's dbbench, whose changes are then the examples too.

What a statement must do before it is believed: run in the fenced engine, change the table, and hold no
value that the request does not say, since nobody could know it. The rows are dbbench's, each with its
table.
"""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from trajectune.environments.database.engine.problem import CHANGES
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.schema import draw_table
from trajectune.environments.database.engine.tables import Table, headers
from trajectune.environments.database.expert.expert import proof
from trajectune.environments.database.generator.generated import make
from trajectune.environments.database.generator.themes import train_themes
from trajectune.environments.database.sources import UNUSABLE, dbbench_problem
from trajectune.errors import DataError
from trajectune.instructions.kinds.contract import Kind, Request, Row, avoided, text_of
from trajectune.instructions.outcome import RefusedError
from trajectune.storage import encode, open_atomic, read_jsonl

OTHER_KIND = "its statement is of another kind than was asked for"
FAILS = "its statement fails"
IDLE = "its statement changes nothing"
BY_CHANCE = "its statement depends on the time or on chance"
UNSAID = "its statement holds a value that the request does not say"
QUOTED = "the request holds the statement"
UNPROVEN = "an agent that runs the statement does not earn the reward"

TASKS = 3
"""Tasks that one request asks for."""
EXAMPLES = 2
SHOWN_ROWS = 6
LONGEST = 1_000
"""Characters of a request or of a statement."""

PROMPT = """\
You write tasks for people who learn to work with a MySQL database. Here is a table.

Name: `{name}`
Columns: {columns}
Some of its {count} rows:
{rows}

Write {tasks} different tasks, each of which needs exactly one {kind} statement on this table. A task is a \
request in plain words, as a colleague would make it: it says every value that the statement needs, \
exactly as it must be stored, and it holds no SQL. {hint}

Examples, about other tables:
{examples}
{avoided}
Answer with a JSON list of {tasks} objects and nothing else. Each has two texts: "description", the \
request, and "sql", the one {kind} statement in one line, with names of tables and columns in back quotes.
"""
HINTS = {
    "insert": "Invent a new row that fits the others, and say the value of each column.",
    "update": "Change rows that are in the table, found by values that they have.",
    "delete": "Remove rows that are in the table, found by values that they have.",
}

_SQL = re.compile(r"\b(insert\s+into|delete\s+from)\b|\bupdate\s+\S+\s+set\s+\S+\s*=", re.IGNORECASE)
_CHANCE = re.compile(
    r"\b(?:now|curdate|curtime|current_\w+|sysdate|rand|random|uuid|localtime\w*)\b", re.IGNORECASE
)
_LITERAL = re.compile(
    r"`[^`]*`|'(?P<single>(?:[^']|'')*+)'|\"(?P<double>[^\"]*)\"|(?<![\w.])(?P<number>\d+(?:\.\d+)?)(?!\w)"
)
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class About:
    """What a request was about."""

    table: Table
    kind: str


class DatabaseKind(Kind):
    """`seeds`: a file of dbbench, for tables and examples; without one they are generated."""

    environment = "database"
    source = "dbbench"
    file = "tasks.jsonl"

    def __init__(self, seeds: Path | None = None) -> None:
        self._seeds = _read_seeds(seeds) if seeds else []

    def request(self, rng: Random, earlier: Sequence[str]) -> Request:
        kind = rng.choice(CHANGES)
        table = rng.choice(self._seeds)[1] if self._seeds else draw_table(rng, train_themes()).table
        shown = rng.sample(list(table.rows), min(SHOWN_ROWS, len(table.rows)))
        examples = self._examples(rng, kind)
        prompt = PROMPT.format(
            name=table.name,
            columns=", ".join(f"`{column.name}` ({column.type})" for column in table.columns),
            count=len(table.rows),
            rows="\n".join(json.dumps(list(row), ensure_ascii=False) for row in shown),
            tasks=TASKS,
            kind=kind.upper(),
            hint=HINTS[kind],
            examples="\n".join(_example(*each) for each in examples),
            avoided=avoided(earlier),
        )
        return Request(prompt, About(table, kind), tuple(text for text, _ in examples))

    def tried(self, written: Mapping[str, Any], request: Request) -> Row:
        about: About = request.about
        description = text_of(written, "description", LONGEST)
        sql = " ".join(text_of(written, "sql", LONGEST).rstrip("; \n").split("\n"))
        if sql.split(None, 1)[0].lower() != about.kind:
            raise RefusedError(OTHER_KIND)
        if _SQL.search(description):
            raise RefusedError(QUOTED)
        if _CHANCE.search(sql):
            raise RefusedError(BY_CHANCE)
        if unsaid := unsaid_values(sql, description, about.table):
            raise RefusedError(f"{UNSAID}: {unsaid[0][:60]!r}")
        row = _row(description, sql, about)
        _play(row, about)
        return row

    def write(self, rows: Sequence[Row], file: Path) -> None:
        with open_atomic(file) as opened:
            for row in rows:
                opened.write(encode(row))

    def _examples(self, rng: Random, kind: str) -> list[tuple[str, str]]:
        """Requests with their statements."""
        known = [(text, gold) for text, _, gold, each in self._seeds if each == kind]
        return rng.sample(known, EXAMPLES) if len(known) >= EXAMPLES else _generated(rng, kind)


def unsaid_values(sql: str, description: str, table: Table) -> list[str]:
    """Values of a statement that nobody could know from the request, whatever their case and form."""
    said = description.casefold()
    numbers = {float(number.replace(",", "")) for number in _NUMBER.findall(description)}
    names = {table.name.casefold(), *(column.name.casefold() for column in table.columns)}
    unsaid = []
    for match in _LITERAL.finditer(sql):
        if match["number"] is not None:
            known = float(match["number"]) in numbers
        else:
            text = (match["single"] or match["double"] or "").replace("''", "'").strip("%").casefold()
            known = text in said or (match["double"] is not None and text in names)
        if not known:
            unsaid.append(match[0])
    return unsaid


def _play(row: Row, about: About) -> None:
    """Raises `RefusedError` unless the statement runs, changes the table and earns the reward."""
    sandbox = Sandbox([about.table])
    try:
        sandbox.query(row["label"][0])
    except sqlite3.Error as error:
        raise RefusedError(f"{FAILS}: {str(error)[:160]}") from None
    finally:
        sandbox.close()
    try:
        problem = dbbench_problem(row)
    except UNUSABLE:
        raise RefusedError(IDLE) from None
    if proof(problem) is None:
        raise RefusedError(UNPROVEN)


def _row(description: str, sql: str, about: About) -> Row:
    """As AgentBench's dbbench has it."""
    table = about.table
    info = {
        "columns": [{"name": column.name, "type": column.type} for column in table.columns],
        "rows": [list(row) for row in table.rows],
    }
    return {
        "description": description,
        "label": [sql],
        "table": {"table_name": table.name, "table_info": info},
        "type": [about.kind.upper()],
        "add_description": headers([table]),
        "sql": {"query": sql},
        "source": "self-instruct",
    }


def _example(description: str, sql: str) -> str:
    return json.dumps({"description": description, "sql": sql}, ensure_ascii=False)


def _generated(rng: Random, kind: str) -> list[tuple[str, str]]:
    """Changes of the environment's generator: what is asked, and the statement."""
    problems = [make(f"seed/{rng.random()}", kind, unseen=False) for _ in range(EXAMPLES)]
    return [(problem.question.partition("\n")[0], problem.gold) for problem in problems]


def _read_seeds(path: Path) -> list[tuple[str, Table, str, str]]:
    """Question, table, gold and kind of the rows with one table."""
    found = []
    for row in read_jsonl(path, []):
        try:
            problem = dbbench_problem(row.value)
        except UNUSABLE:
            continue
        if len(problem.tables) == 1:
            found.append((str(row.value["description"]), problem.tables[0], problem.gold, problem.kind))
    if not found:
        raise DataError(
            "no seed task could be read", where=str(path), remedy="give AgentBench's dbbench JSONL"
        )
    return found
