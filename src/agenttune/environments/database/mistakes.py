"""Deliberate first mistakes, each with the thought that reads the output and mends it.

The idea: a model that never saw an error answers with the error's text. So some expert trajectories
begin with a wrong statement, which is shown and not trained; what is trained is the repair: what the
output says, what was wrong, what is right.

Invariant: no mistake changes the database; each is wrong for a reason that its output shows.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from agenttune.environments.database.plan import Plan
from agenttune.environments.database.thoughts import direction


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong statement and, from its output, the thought that leads to the right one."""

    sql: str
    mended: Callable[[str], str]


def mistakes(rng: Random, plan: Plan, sql: str, question: str) -> list[Mistake]:
    """All mistakes that can be made with this statement, one of each sort."""
    found = [
        _wrong_column(rng, plan, sql),
        _wrong_table(rng, plan, sql),
        _no_quotes(rng, plan, sql),
        _wrong_value(plan, sql),
        _wrong_way(rng, plan, sql, question),
        _missing_value(plan, sql),
    ]
    return [mistake for mistake in found if mistake is not None]


def _names(plan: Plan) -> list[str]:
    return [c for c in (*plan.columns, *plan.tested, plan.order) if c.startswith("`")]


def _wrong_column(rng: Random, plan: Plan, sql: str) -> Mistake | None:
    names = _names(plan)
    if not names:
        return None
    right = rng.choice(names)
    wrong = _misspelt(rng, right)
    if wrong.lower() in question_names(plan) or wrong not in (changed := sql.replace(right, wrong)):
        return None
    said = rng.choice(
        (
            f"The error says that {wrong} does not exist; the header is {right}.",
            f"No such column: I misspelt {right}. I write it as the headers do.",
            f"The column is called {right}, not {wrong}. I mend the name.",
        )
    )
    return Mistake(changed, lambda _: said)


def question_names(plan: Plan) -> set[str]:
    """Every name of the statement, in lower case: a misspelling must not hit one of them."""
    return {name.lower() for name in (*_names(plan), *plan.tables)}


def _wrong_table(rng: Random, plan: Plan, sql: str) -> Mistake | None:
    if not plan.tables:
        return None
    right = plan.tables[0]
    wrong = _misspelt(rng, right)
    if wrong.lower() in question_names(plan) or wrong not in (changed := sql.replace(right, wrong)):
        return None
    said = rng.choice(
        (
            f"There is no table {wrong}; its name is {right}.",
            f"The error shows that I misspelt the table: it is {right}.",
        )
    )
    return Mistake(changed, lambda _: said)


def _misspelt(rng: Random, name: str) -> str:
    """The name as a hasty writer puts it: another style, or a letter off."""
    bare = name.strip("`")
    styles = [bare.replace(" ", "_"), bare.replace("_", " "), bare.replace("_", ""), bare + "s", bare[:-1]]
    options = [word for word in styles if word.lower() != bare.lower() and word]
    return f"`{rng.choice(options)}`"


def _no_quotes(rng: Random, plan: Plan, sql: str) -> Mistake | None:
    spaced = [name for name in (*_names(plan), *plan.tables) if " " in name.strip("`")]
    if not spaced:
        return None
    name = rng.choice(spaced)
    said = rng.choice(
        (
            f"The syntax is wrong: {name} has a space and needs back quotes.",
            f"I forgot the back quotes around {name}.",
        )
    )
    return Mistake(sql.replace(name, name.strip("`")), lambda _: said)


def _wrong_value(plan: Plan, sql: str) -> Mistake | None:
    """A value cut short, so that nothing is found."""
    match = re.search(r" = '([^']+) [^' ]+'", sql)
    if match is None or plan.kind != "select" or plan.function:
        return None
    cut, whole = match[1], match[0][4:-1]
    said = f"Nothing was found for '{cut}': the question says '{whole}', so I use the whole value."
    return Mistake(sql.replace(f"'{whole}'", f"'{cut}'"), lambda _: said)


def _wrong_way(rng: Random, plan: Plan, sql: str, question: str) -> Mistake | None:
    if not plan.order or not plan.limit:
        return None
    way, other = (" DESC", " ASC") if plan.descending else (" ASC", " DESC")
    if way not in sql:
        return None
    said = "I sorted the wrong way. " + direction(rng, plan, question)
    return Mistake(sql.replace(way, other), lambda _: said)


def _missing_value(plan: Plan, sql: str) -> Mistake | None:
    """An INSERT with one value too few."""
    match = re.search(r", ('(?:[^']|'')*'|[^',()]+)\)$", sql)
    if plan.kind != "insert" or match is None or len(plan.columns) < 2:
        return None
    count = len(plan.columns)
    said = f"A value is missing: {count} columns need {count} values. The last one is {match[1]}."
    return Mistake(sql[: match.start()] + ")", lambda _: said)
