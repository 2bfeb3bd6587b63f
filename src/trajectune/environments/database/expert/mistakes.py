"""Deliberate first mistakes, each with the thought that reads the output and mends it.

The idea: a model that never saw an error answers with the error's text. So some expert trajectories
begin with a wrong statement, which is shown and not trained; what is trained is the repair: what the
output says, what was wrong, what is right.

Invariant: no mistake changes the database; the expert makes only those whose output shows them
(`Mistake.shows`), so that the repair never speaks of an error that is not there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import Literal

from trajectune.environments.database.engine.sandbox import Answer
from trajectune.environments.database.expert.statement import Statement
from trajectune.environments.database.expert.thoughts import direction

Symptom = Literal["error", "nothing", "other rows"]


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong statement, what its output must look like, and the thought that mends it."""

    sql: str
    symptom: Symptom
    mended: str

    def shows(self, answer: Answer, right: Answer) -> bool:
        """Whether the output gives the mistake away as `mended` says (`right`: the gold output)."""
        if self.symptom == "error":
            return answer.failed
        return answer.text == "[]" if self.symptom == "nothing" else answer.text != right.text


def mistakes(rng: Random, statement: Statement, sql: str, question: str) -> list[Mistake]:
    """Mistakes to try with this statement, one of each sort; some may turn out to be none."""
    found = [
        _wrong_column(rng, statement, sql),
        _wrong_table(rng, statement, sql),
        _no_quotes(rng, statement, sql),
        _wrong_value(statement, sql),
        _wrong_way(rng, statement, sql, question),
        _missing_value(statement, sql),
    ]
    return [mistake for mistake in found if mistake is not None]


def _names(statement: Statement) -> list[str]:
    return [c for c in (*statement.columns, *statement.tested, statement.order) if c.startswith("`")]


def _wrong_column(rng: Random, statement: Statement, sql: str) -> Mistake | None:
    names = _names(statement)
    if not names:
        return None
    right = rng.choice(names)
    wrong = _misspelt(rng, right)
    said = rng.choice(
        (
            f"The error says that {wrong} does not exist; the header is {right}.",
            f"No such column: I misspelt {right}. I write it as the headers do.",
            f"The column is called {right}, not {wrong}. I mend the name.",
        )
    )
    return Mistake(sql.replace(right, wrong), "error", said)


def _wrong_table(rng: Random, statement: Statement, sql: str) -> Mistake | None:
    if not statement.tables:
        return None
    right = statement.tables[0]
    wrong = _misspelt(rng, right)
    said = rng.choice(
        (
            f"There is no table {wrong}; its name is {right}.",
            f"The error shows that I misspelt the table: it is {right}.",
        )
    )
    return Mistake(sql.replace(right, wrong), "error", said)


def _misspelt(rng: Random, name: str) -> str:
    """The name as a hasty writer puts it: another style, or a letter off."""
    bare = name.strip("`")
    styles = [bare.replace(" ", "_"), bare.replace("_", " "), bare.replace("_", ""), bare + "s", bare[:-1]]
    options = [word for word in styles if word.lower() != bare.lower() and word]
    return f"`{rng.choice(options)}`"


def _no_quotes(rng: Random, statement: Statement, sql: str) -> Mistake | None:
    spaced = [name for name in (*_names(statement), *statement.tables) if " " in name.strip("`")]
    if not spaced:
        return None
    name = rng.choice(spaced)
    said = rng.choice(
        (
            f"The syntax is wrong: {name} has a space and needs back quotes.",
            f"I forgot the back quotes around {name}.",
        )
    )
    return Mistake(sql.replace(name, name.strip("`")), "error", said)


def _wrong_value(statement: Statement, sql: str) -> Mistake | None:
    """A value cut short, so that nothing is found."""
    match = re.search(r" = '([^']+) [^' ]+'", sql)
    if match is None or statement.kind != "select" or statement.function:
        return None
    cut, whole = match[1], match[0][4:-1]
    said = f"Nothing was found for '{cut}': the question says '{whole}', so I use the whole value."
    return Mistake(sql.replace(f"'{whole}'", f"'{cut}'"), "nothing", said)


def _wrong_way(rng: Random, statement: Statement, sql: str, question: str) -> Mistake | None:
    if not statement.order or not statement.limit:
        return None
    way, other = (" DESC", " ASC") if statement.descending else (" ASC", " DESC")
    if way not in sql:
        return None
    said = "I sorted the wrong way. " + direction(rng, statement, question)
    return Mistake(sql.replace(way, other), "other rows", said)


def _missing_value(statement: Statement, sql: str) -> Mistake | None:
    """An INSERT with one value too few."""
    match = re.search(r", ('(?:[^']|'')*'|[^',()]+)\)$", sql)
    if statement.kind != "insert" or match is None or len(statement.columns) < 2:
        return None
    count = len(statement.columns)
    said = f"A value is missing: {count} columns need {count} values. The last one is {match[1]}."
    return Mistake(sql[: match.start()] + ")", "error", said)
