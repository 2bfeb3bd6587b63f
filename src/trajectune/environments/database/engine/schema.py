"""One table drawn from a theme: its name, its columns in some style, its rows.

The idea: the same theme gives many tables: a subset of its columns, one of four ways to write names,
five to thirty rows, real-looking or made-up names. `Drawn` keeps each column's `Field` beside it, so
that questions know which words rank it.

Invariant: the first field is the key: no two rows share its value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from trajectune.environments.database.engine.tables import Column, Table, Value
from trajectune.environments.database.generator.pools import draw, sql_type
from trajectune.environments.database.generator.themes import Field, Theme

RANKED = ("int", "float", "year")
MAX_ROWS = 30


@dataclass(frozen=True, slots=True)
class Drawn:
    """A table with what is known of its columns."""

    theme: Theme
    table: Table
    fields: tuple[Field, ...]
    made_up: bool
    style: Callable[[str], str]
    """How the table writes its names."""

    def column(self, field: Field) -> str:
        """The name under which the table has this field."""
        return self.table.columns[self.fields.index(field)].name

    def value(self, row: Sequence[Value], field: Field) -> Value:
        """The cell of `row` in this field."""
        return row[self.fields.index(field)]

    @property
    def ranked(self) -> list[Field]:
        """Fields that hold numbers to compare, sort and sum."""
        return [f for f in self.fields if f.kind in RANKED]

    @property
    def textual(self) -> list[Field]:
        """All other fields."""
        return [f for f in self.fields if f.kind not in RANKED]


def draw_table(rng: Random, themes: Sequence[Theme]) -> Drawn:
    """A fresh table about one of the themes; it always has a number column."""
    theme = rng.choice(themes)
    made_up = rng.random() < 0.5
    fields = _choose_fields(rng, theme)
    style = rng.choice(STYLES)
    columns = [Column(style(f.header), sql_type(f.spec)) for f in fields]
    if len({c.name.lower() for c in columns}) < len(columns):
        columns = [Column(f.header, sql_type(f.spec)) for f in fields]
    name = rng.choice(theme.names)
    name = name if rng.random() < 0.6 else style(name)
    rows = _rows(rng, fields, made_up)
    return Drawn(theme, Table(name, columns, rows), tuple(fields), made_up, style)


def new_row(rng: Random, drawn: Drawn) -> list[Value]:
    """A row that the table does not have: its key is new."""
    key = drawn.fields[0]
    taken = {drawn.value(row, key) for row in drawn.table.rows}
    while True:
        row = [draw(rng, f.spec, drawn.made_up) for f in drawn.fields]
        if row[0] not in taken:
            return row
        if rng.random() < 0.05:  # a small pool may be used up
            return [draw(rng, "as Grand *", True), *row[1:]]


def _choose_fields(rng: Random, theme: Theme) -> list[Field]:
    key, others = theme.fields[0], list(theme.fields[1:])
    numbers = [f for f in others if f.kind in RANKED]
    must = rng.choice(numbers)
    rest = [f for f in others if f is not must]
    extra = rng.sample(rest, min(len(rest), rng.choice((1, 1, 2, 2, 3, 3, 4, 5))))
    chosen = [f for f in others if f is must or f in extra]
    if rng.random() < 0.3:
        rng.shuffle(chosen)
    return [key, *chosen]


def _rows(rng: Random, fields: Sequence[Field], made_up: bool) -> list[list[Value]]:
    few = [[]] + [
        [draw(rng, f.spec, made_up) for _ in range(rng.randint(3, 6))] if _repeats(f) else []
        for f in fields[1:]
    ]
    rows: dict[str, list[Value]] = {}
    for _ in range(rng.randint(5, MAX_ROWS)):
        row = [
            rng.choice(some) if some and rng.random() < 0.85 else draw(rng, f.spec, made_up)
            for f, some in zip(fields, few, strict=True)
        ]
        rows.setdefault(str(row[0]).lower(), row)
    return list(rows.values())


def _repeats(field: Field) -> bool:
    """Columns in which a value comes more than once, so that there is something to count."""
    return field.kind in ("of", "as", "name", "city", "country", "surname", "person", "season")


def _words(header: str) -> list[str]:
    return re.findall(r"[A-Za-z0-9²]+", header)


def _snake(header: str) -> str:
    return "_".join(_words(header)).lower()


def _camel(header: str) -> str:
    return "".join(word[0].upper() + word[1:] for word in _words(header))


def _title(header: str) -> str:
    return " ".join(word[0].upper() + word[1:] for word in header.split())


STYLES: tuple[Callable[[str], str], ...] = (str, str, _title, _snake, _snake, _camel, str.lower)
"""As in the theme, Title Case, snake_case, CamelCase, lower case; the first and snake twice as often."""
