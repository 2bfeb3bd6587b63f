"""Problems over two or three tables, made from a drawn table by taking a column out of it.

The idea: the column `Country` of a table of mountains becomes a table of countries with an id and
facts of its own; the mountains keep `country_id`. Taking one of those facts out again gives a third.

Invariant: every row of the first table finds its partner, so a join loses nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trajectune.environments.database.engine.problem import Condition
from trajectune.environments.database.engine.tables import Column, Table, Value, quote
from trajectune.environments.database.generator.pools import draw, sql_type
from trajectune.environments.database.generator.questions import MAX_ANSWERS, Asker
from trajectune.environments.database.generator.themes import Field

FACTS = (
    Field("Founded", "year 1850 2015"),
    Field("Head", "person"),
    Field("Region", "of North,South,East,West"),
    Field("Code", "code"),
    Field("Budget", "int 100 9000"),
    Field("Members", "int 5 400"),
    Field("Level", "of first,second,third"),
    Field("Language", "of English,French,German,Polish"),
    Field("Chair", "surname"),
    Field("Main office", "city"),
)
"""What the second table knows of its rows."""
THIRD = (Field("Director", "person"), Field("Phone", "int 1000 9999"), Field("Seat", "city"))
"""What the third table knows."""


@dataclass(frozen=True, slots=True)
class Split:
    """A table whose column has moved into a table of its own."""

    child: Table
    parent: Table
    link: str
    """Name of the id column in the child."""
    values: Sequence[Value]
    """Values of the column that moved; the parent's ids are their positions plus one."""


def joined(asker: Asker, tables: int) -> tuple[str, str, list[Table]] | None:
    """(question, gold statement, tables) over `tables` (two or three) tables."""
    drawn = asker.drawn
    movable = [
        f for f in drawn.textual if f is not asker.key and f.kind in ("of", "as", "country", "city", "name")
    ]
    if not movable or len(drawn.fields) < 3:
        return None
    moved = asker.rng.choice(movable)
    facts = asker.rng.sample(FACTS, asker.rng.choice((1, 2)))
    if len({f.header.lower() for f in (*drawn.fields, *facts)}) < len(drawn.fields) + len(facts):
        return None  # two columns of one name would need qualifying, and confuse
    first = _split(asker, drawn.table, drawn.fields.index(moved), facts)
    noun = drawn.column(moved).replace("_", " ").lower()
    if tables == 2:
        return _two(asker, moved, first, facts, noun)
    return _three(asker, moved, first, facts, noun)


def _split(asker: Asker, table: Table, position: int, facts: Sequence[Field]) -> Split:
    style, header = asker.drawn.style, table.columns[position].name
    values = list(dict.fromkeys(row[position] for row in table.rows))
    link = style(f"{header} id")
    columns = [Column(style("id"), "INT"), table.columns[position]]
    columns += [Column(style(f.header), sql_type(f.spec)) for f in facts]
    rows = [
        [number, value, *(draw(asker.rng, f.spec, asker.drawn.made_up) for f in facts)]
        for number, value in enumerate(values, 1)
    ]
    child = replace(
        table,
        columns=[*table.columns[:position], Column(link, "INT"), *table.columns[position + 1 :]],
        rows=[[*r[:position], values.index(r[position]) + 1, *r[position + 1 :]] for r in table.rows],
    )
    return Split(child, Table(style(_plural(header)), columns, rows), link, values)


def _two(
    asker: Asker, moved: Field, split: Split, facts: Sequence[Field], noun: str
) -> tuple[str, str, list[Table]] | None:
    fact = asker.rng.choice(facts)
    column = asker.drawn.style(fact.header)
    tables = [split.child, split.parent]
    source = (
        f"{quote(split.child.name)} AS T1 JOIN {quote(split.parent.name)} AS T2 ON {_on('T1', split, 'T2')}"
    )
    if asker.rng.random() < 0.3:
        key = asker.equals(asker.key)
        question = asker.ask(
            "join_up", p=noun, t=asker.manner.column(column), k=asker.manner.value(key[0].value)
        )
        return question, f"SELECT T2.{quote(column)} FROM {source} WHERE {key[0].sql('T1.')}", tables
    row = asker.rng.choice(split.parent.rows)
    place = [c.name for c in split.parent.columns].index(column)
    condition = Condition(column, "=", asker.manner.asked(row[place]))
    ids = [r[0] for r in split.parent.rows if condition.holds(r[place])]
    return _wanted(
        asker, moved, split, ids, condition, noun, f"{source} WHERE {condition.sql('T2.')}", tables
    )


def _three(
    asker: Asker, moved: Field, first: Split, facts: Sequence[Field], noun: str
) -> tuple[str, str, list[Table]] | None:
    place = 2 + asker.rng.randrange(len(facts))
    if facts[place - 2].spec.startswith(("int", "year")):
        return None
    fact = asker.rng.choice(THIRD)
    second = _split(asker, first.parent, place, [fact])
    column = asker.drawn.style(fact.header)
    row = asker.rng.choice(second.parent.rows)
    condition = Condition(column, "=", asker.manner.asked(row[2]))
    holders = [r[0] for r in second.parent.rows if condition.holds(r[2])]
    ids = [r[0] for r in second.child.rows if r[place] in holders]
    source = (
        f"{quote(first.child.name)} AS T1 "
        f"JOIN {quote(second.child.name)} AS T2 ON {_on('T1', first, 'T2')} "
        f"JOIN {quote(second.parent.name)} AS T3 ON {_on('T2', second, 'T3')}"
    )
    noun = f"{noun}'s {facts[place - 2].header.lower()}"
    tables = [first.child, second.child, second.parent]
    if len({t.name.lower() for t in tables}) < 3:
        return None
    return _wanted(
        asker, moved, first, ids, condition, noun, f"{source} WHERE {condition.sql('T3.')}", tables
    )


def _wanted(
    asker: Asker,
    moved: Field,
    split: Split,
    ids: Sequence[Value],
    condition: Condition,
    noun: str,
    source: str,
    tables: list[Table],
) -> tuple[str, str, list[Table]] | None:
    """Ask for a column of the child (or the number of its rows) where the parent is one of `ids`."""
    link = [c.name for c in split.child.columns].index(split.link)
    rows = [r for r in split.child.rows if r[link] in ids]
    if asker.rng.random() < 0.3:
        question = asker.ask("join_count", [condition], p=noun)
        return question, f"SELECT COUNT(*) FROM {source}", tables
    target = asker.target(moved)
    if not 0 < len(rows) <= MAX_ANSWERS:
        return None
    column = asker.column(target)
    question = asker.ask("join", [condition], p=noun, t=asker.manner.column(column))
    return question, f"SELECT T1.{quote(column)} FROM {source}", tables


def _on(left: str, split: Split, right: str) -> str:
    return f"{left}.{quote(split.link)} = {right}.{quote(split.parent.columns[0].name)}"


def _plural(noun: str) -> str:
    if noun.lower().endswith("y") and noun[-2:-1].lower() not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if noun.lower().endswith(("s", "x", "ch", "sh")) else "s")
