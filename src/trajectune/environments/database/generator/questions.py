"""Problems about one drawn table: every kind but joins, each with its gold statement.

The idea: a maker draws a candidate (columns, conditions, a statement) and words it; a candidate
without a clear answer (no row, too many values, a tie at the top) is `None` and another is drawn.

Invariants: the gold statement quotes every name in back quotes; its answer is unambiguous and short
enough to be shown whole; about one comparison in four has no answer, and then the answer is `none`.
"""

from __future__ import annotations

from random import Random

from trajectune.environments.database.engine.problem import Condition, where_sql
from trajectune.environments.database.engine.schema import Drawn
from trajectune.environments.database.engine.tables import Value, quote
from trajectune.environments.database.generator.phrasing import Manner
from trajectune.environments.database.generator.themes import Field

MAX_ANSWERS = 4
GENERIC = (("highest", "lowest"), ("largest", "smallest"), ("greatest", "least"), ("biggest", "smallest"))
UNSPECIFIC = ("highest", "lowest", "most", "fewest")

Candidate = tuple[str, str] | None
"""(question, gold statement), or nothing when the draw was unlucky."""


class Asker:
    """Draws candidates about one table in one manner."""

    def __init__(self, rng: Random, drawn: Drawn, manner: Manner) -> None:
        self.rng = rng
        self.drawn = drawn
        self.manner = manner
        self.name = drawn.table.name
        self.key = drawn.fields[0]
        self.base = {
            "e": drawn.theme.one,
            "es": drawn.theme.many,
            "T": manner.table(self.name),
        }

    def ask(self, kind: str, conditions: list[Condition] | None = None, **slots: str) -> str:
        """A question of this kind."""
        extra = self.manner.conditions(conditions) if conditions else {}
        return self.manner.fill(kind, **self.base, **extra, **slots)

    def equals(self, *fields: Field, row: list[Value] | None = None) -> list[Condition]:
        """Conditions that hold for one row (a random one)."""
        chosen = row or list(self.rng.choice(self.drawn.table.rows))
        return [
            Condition(self.drawn.column(f), "=", self.manner.asked(self.drawn.value(chosen, f)))
            for f in fields
        ]

    def matching(self, conditions: list[Condition]) -> list[list[Value]]:
        """The rows that a WHERE clause keeps."""
        columns = [c.name for c in self.drawn.table.columns]
        return [
            list(row)
            for row in self.drawn.table.rows
            if all(c.holds(row[columns.index(c.column)]) for c in conditions)
        ]

    def column(self, field: Field) -> str:
        return self.drawn.column(field)

    def target(self, *without: Field) -> Field:
        """A column to ask for."""
        return self.rng.choice([f for f in self.drawn.fields if f not in without])

    def some_conditions(self, *without: Field) -> list[Condition]:
        """Equality on one or two columns (one in a plain manner) other than `without` and the key."""
        free = [f for f in self.drawn.fields[1:] if f not in without and f.kind != "float"]
        count = min(len(free), 1 if self.manner.plain else self.rng.choice((1, 1, 1, 2)))
        return self.equals(*self.rng.sample(free, count))

    def bound(self, field: Field, nothing: bool = False) -> Condition:
        """A comparison that cuts between the column's values (or lies beyond all of them)."""
        values = sorted(
            {
                v
                for row in self.drawn.table.rows
                if isinstance(v := self.drawn.value(row, field), int | float)
            }
        )
        if nothing:
            return Condition(self.column(field), ">", values[-1] + self.rng.randint(1, 9))
        return Condition(self.column(field), self.rng.choice(("<", ">")), self.rng.choice(values))

    def superlative(self, field: Field, down: bool) -> str:
        """A word that asks for the highest (`down`: sorted descending) or the lowest value."""
        if not self.manner.plain and (self.rng.random() < 0.5 or field.kind == "year"):
            return field.most if down else field.least
        return self.rng.choice(GENERIC)[0 if down else 1]

    def values(self, rows: list[list[Value]], field: Field) -> list[Value]:
        return [self.drawn.value(row, field) for row in rows]


def select(asker: Asker) -> Candidate:
    """The value of a column in the rows that fit one or two conditions."""
    t, roll = asker.target(), asker.rng.random()
    if roll < 0.4:
        return _select_key(asker)
    if roll < 0.5 and not asker.manner.plain:
        return _select_like(asker)
    conditions = asker.some_conditions(t)
    if not conditions or not _clear(asker.values(asker.matching(conditions), t)):
        return None
    question = asker.ask("select", conditions, t=asker.manner.column(asker.column(t)))
    return question, _select_sql(asker, t, conditions)


def _select_key(asker: Asker) -> Candidate:
    t = asker.target(asker.key)
    conditions = asker.equals(asker.key)
    k = asker.manner.value(conditions[0].value)
    question = asker.ask("select_key", t=asker.manner.column(asker.column(t)), k=k)
    return question, _select_sql(asker, t, conditions)


def _select_like(asker: Asker) -> Candidate:
    c = asker.rng.choice(asker.drawn.textual)
    cell = str(asker.rng.choice(asker.values([list(r) for r in asker.drawn.table.rows], c)))
    parts = [word for word in cell.split() if len(word) > 3 and word.isalpha()]
    if not parts or parts == [cell]:
        return None
    part = asker.manner.asked(parts[0])
    conditions = [Condition(asker.column(c), "LIKE", part)]
    t = asker.target(c)
    if not _clear(asker.values(asker.matching(conditions), t)):
        return None
    question = asker.ask(
        "select_like",
        t=asker.manner.column(asker.column(t)),
        c=asker.manner.column(asker.column(c)),
        v=asker.manner.value(part),
    )
    return question, _select_sql(asker, t, conditions)


def count(asker: Asker) -> Candidate:
    """How many rows, or how many different values."""
    t, roll = asker.target(asker.key), asker.rng.random()
    shown = asker.manner.column(asker.column(t))
    if roll < 0.08:
        return asker.ask("count_all"), f"SELECT COUNT(*) FROM {quote(asker.name)}"
    if roll < 0.18:
        question = asker.ask("count_distinct", t=shown)
        return question, f"SELECT COUNT(DISTINCT {quote(asker.column(t))}) FROM {quote(asker.name)}"
    conditions = asker.some_conditions(t)
    numbers = [f for f in asker.drawn.ranked if f is not t]
    if numbers and asker.rng.random() < 0.3:
        conditions = [asker.bound(asker.rng.choice(numbers))]
    if not conditions or not asker.matching(conditions):
        return None
    question = asker.ask("count", conditions, t=shown)
    return question, f"SELECT COUNT(*) FROM {quote(asker.name)}{where_sql(conditions)}"


def comparison(asker: Asker) -> Candidate:
    """The rows above or below a bound, sometimes with a second condition."""
    n = asker.rng.choice(asker.drawn.ranked)
    t = asker.target(n)
    nothing = asker.rng.random() < 0.1
    conditions = [asker.bound(n, nothing)]
    others = [f for f in asker.drawn.textual if f not in (t, asker.key)]
    if others and not asker.manner.plain and asker.rng.random() < 0.5:
        conditions = [*asker.equals(asker.rng.choice(others)), *conditions]
    found = asker.values(asker.matching(conditions), t)
    if (found and not _clear(found)) or (not found and not nothing):
        return None
    question = asker.ask("comparison", conditions, t=asker.manner.column(asker.column(t)))
    return question, _select_sql(asker, t, conditions)


def ranking(asker: Asker) -> Candidate:
    """The row (or the few rows) at the top when sorted by a number."""
    n, down, roll = asker.rng.choice(asker.drawn.ranked), asker.rng.random() < 0.5, asker.rng.random()
    t = asker.key if asker.rng.random() < 0.6 else asker.target(n)
    if t is n:
        return None
    conditions: list[Condition] = []
    kind, top = "ranking", 1
    if roll < 0.2:
        conditions, kind = asker.some_conditions(t, n), "ranking_where"
    elif roll < 0.35:
        kind, top = "ranking_top", asker.rng.choice((2, 3))
    rows = asker.matching(conditions)
    ranks = sorted((v for v in asker.values(rows, n) if isinstance(v, int | float)), reverse=down)
    if len(ranks) <= top or ranks[top - 1] == ranks[top] or (kind == "ranking_where" and not conditions):
        return None
    word = asker.superlative(n, down)
    alike = [w for f in asker.drawn.ranked for w in (f.most, f.least)].count(word)
    telling = word not in UNSPECIFIC and not asker.manner.plain
    if kind == "ranking" and t is asker.key and telling and alike == 1:
        kind = "ranking_adj"
    slots = {"t": asker.manner.column(asker.column(t)), "c": asker.manner.column(asker.column(n))}
    question = asker.ask(kind, conditions, sup=word, n=str(top), **slots)
    order = f" ORDER BY {quote(asker.column(n))} {'DESC' if down else 'ASC'} LIMIT {top}"
    return question, _select_sql(asker, t, conditions) + order


def aggregate(asker: Asker, function: str) -> Candidate:
    """SUM, AVG, MIN or MAX of a number over the rows that fit."""
    numbers = [f for f in asker.drawn.ranked if f.kind != "year" or function in ("MIN", "MAX")]
    if not numbers:
        return None
    n = asker.rng.choice(numbers)
    conditions = asker.some_conditions(n)
    rows = asker.matching(conditions) if conditions else []
    if len(rows) < (1 if asker.rng.random() < 0.1 else 2):
        return None
    word = asker.superlative(n, function == "MAX") if function in ("MIN", "MAX") else ""
    if word and n.kind != "year" and not asker.manner.plain:
        word = asker.rng.choice((word, "highest" if function == "MAX" else "lowest"))
    kind = {"SUM": "sum", "AVG": "avg"}.get(function, "max")
    question = asker.ask(kind, conditions, c=asker.manner.column(asker.column(n)), sup=word)
    return (
        question,
        f"SELECT {function}({quote(asker.column(n))}) FROM {quote(asker.name)}{where_sql(conditions)}",
    )


def _select_sql(asker: Asker, t: Field, conditions: list[Condition]) -> str:
    return f"SELECT {quote(asker.column(t))} FROM {quote(asker.name)}{where_sql(conditions)}"


def _clear(values: list[Value]) -> bool:
    """Whether these values make a good answer: some, few, and none of them empty."""
    return 0 < len(values) <= MAX_ANSWERS and None not in values
