"""Problems that change a drawn table: insert, update, delete.

Invariant: the gold statement changes at least one row, and never more than a handful.
"""

from __future__ import annotations

from trajectune.environments.database.engine.problem import Condition, where_sql
from trajectune.environments.database.engine.schema import new_row
from trajectune.environments.database.engine.tables import Value, literal, quote
from trajectune.environments.database.generator.pools import draw
from trajectune.environments.database.generator.questions import Asker, Candidate
from trajectune.environments.database.generator.themes import Field

MAX_CHANGED = 5


def insert(asker: Asker) -> Candidate:
    """A new row, its values in the order of the columns or (one in eight) in another."""
    row = new_row(asker.rng, asker.drawn)
    pairs = [(column.name, value) for column, value in zip(asker.drawn.table.columns, row, strict=True)]
    if asker.rng.random() < 0.12:
        head, tail = pairs[:1], pairs[1:]
        asker.rng.shuffle(tail)
        pairs = head + tail
    columns, values = [c for c, _ in pairs], [v for _, v in pairs]
    manner = asker.manner
    manner.lower = False  # new values keep their case
    question = asker.ask(
        "insert",
        k=manner.value(values[0]),
        pairs=manner.pairs(columns, values),
        rest=manner.pairs(columns[1:], values[1:]),
        cols=", ".join(manner.column(c) for c in columns),
        vals=", ".join(manner.value(v) for v in values),
    )
    names = ", ".join(quote(c) for c in columns)
    cells = ", ".join(literal(v) for v in values)
    return question, f"INSERT INTO {quote(asker.name)} ({names}) VALUES ({cells})"


def update(asker: Asker) -> Candidate:
    """One to three cells of the row with a key, or of the rows that fit a condition."""
    asker.manner.lower = False
    by_key = asker.rng.random() < 0.5
    free = list(asker.drawn.fields[1:])
    changed = asker.rng.sample(free, min(len(free), asker.rng.choice((1, 1, 2, 3))))
    conditions = asker.equals(asker.key) if by_key else asker.some_conditions(*changed)
    rows = asker.matching(conditions) if conditions else []
    if not 0 < len(rows) <= MAX_CHANGED:
        return None
    values = [_other(asker, f, [asker.drawn.value(r, f) for r in rows]) for f in changed]
    columns = [asker.column(f) for f in changed]
    question = _update_question(asker, by_key, conditions, columns, values)
    sets = ", ".join(f"{quote(c)} = {literal(v)}" for c, v in zip(columns, values, strict=True))
    return question, f"UPDATE {quote(asker.name)} SET {sets}{where_sql(conditions)}"


def delete(asker: Asker) -> Candidate:
    """The row with a key, or the rows that fit a condition or lie beyond a bound."""
    asker.manner.lower = False
    roll = asker.rng.random()
    if roll < 0.3:
        conditions = asker.equals(asker.key)
        question = asker.ask("delete_key", k=asker.manner.value(conditions[0].value))
        return question, f"DELETE FROM {quote(asker.name)}{where_sql(conditions)}"
    conditions = asker.some_conditions()
    if roll < 0.5:
        conditions = [asker.bound(asker.rng.choice(asker.drawn.ranked))]
    if not conditions or not 0 < len(asker.matching(conditions)) <= MAX_CHANGED:
        return None
    question = asker.ask("delete", conditions)
    return question, f"DELETE FROM {quote(asker.name)}{where_sql(conditions)}"


def _update_question(
    asker: Asker, by_key: bool, conditions: list[Condition], columns: list[str], values: list[Value]
) -> str:
    sets = asker.manner.pairs(columns, values, assign=True)
    if not by_key:
        return asker.ask("update", conditions, sets=sets)
    key = asker.manner.value(conditions[0].value)
    return asker.ask("update_key", k=key, sets=sets, pairs=asker.manner.pairs(columns, values))


def _other(asker: Asker, field: Field, old: list[Value]) -> Value:
    """A new value for a cell, unlike what is there."""
    for _ in range(20):
        value = draw(asker.rng, field.spec, asker.drawn.made_up)
        if value not in old:
            return value
    return draw(asker.rng, "as New *", True)
