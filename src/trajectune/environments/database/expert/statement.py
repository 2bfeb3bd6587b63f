"""What a statement does, read from its syntax tree, in words that a thought can use.

The idea: the expert knows the gold statement only; its thoughts name the columns, the conditions and
the direction of sorting that stand in it. `read` never fails: a statement it cannot take apart
gives a statement of kind `other` with nothing to say.
"""

from __future__ import annotations

from dataclasses import dataclass

import sqlglot
from sqlglot import expressions as exp

from trajectune.environments.database.engine.tables import quote

COMPARISONS = {
    exp.EQ: "is",
    exp.GT: "is above",
    exp.LT: "is below",
    exp.GTE: "is at least",
    exp.LTE: "is at most",
}


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement taken apart. Names are quoted as in SQL, values as literals."""

    kind: str
    """`select`, `insert`, `update`, `delete` or `other`."""
    tables: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    """Wanted, inserted or updated columns."""
    function: str = ""
    """COUNT, SUM, AVG, MIN or MAX."""
    conditions: tuple[str, ...] = ()
    """Phrases such as `Country` is 'Peru'."""
    tested: tuple[str, ...] = ()
    """Columns that the conditions test."""
    order: str = ""
    """The column that sorts."""
    descending: bool = False
    limit: str = ""
    values: tuple[str, ...] = ()
    """Inserted values of the first row."""

    @property
    def where(self) -> str:
        """All conditions in one phrase."""
        return " and ".join(self.conditions)


def read(sql: str) -> Statement:
    """Take a statement apart."""
    try:
        tree = sqlglot.parse_one(sql, read="mysql")
    except Exception:  # of what is no SQL, sqlglot raises much besides its own errors
        return Statement("other")
    if isinstance(tree, exp.Select):
        return _read_select(tree)
    if isinstance(tree, exp.Insert) and _tables(tree):
        schema = tree.this
        columns = tuple(quote(c.name) for c in schema.expressions) if isinstance(schema, exp.Schema) else ()
        return Statement("insert", _tables(tree), columns, values=_values(tree))
    if isinstance(tree, exp.Update):
        columns = tuple(_column(e.this) for e in tree.expressions if isinstance(e, exp.EQ))
        return Statement("update", _tables(tree), columns, "", *_where(tree))
    if isinstance(tree, exp.Delete):
        return Statement("delete", _tables(tree), (), "", *_where(tree))
    return Statement("other")


def _read_select(tree: exp.Select) -> Statement:
    only = tree.expressions[0] if len(tree.expressions) == 1 else None
    function = only.key.upper() if isinstance(only, exp.AggFunc) else ""
    columns = tuple(dict.fromkeys(_column(c) for e in tree.expressions for c in e.find_all(exp.Column)))
    conditions, tested = _where(tree)
    order, descending = "", False
    if (ordering := tree.args.get("order")) and ordering.expressions:
        head = ordering.expressions[0]
        order, descending = _column(head.this), bool(head.args.get("desc"))
    limit = tree.args.get("limit")
    size = limit.expression.sql() if limit is not None and limit.expression is not None else ""
    return Statement(
        "select", _tables(tree), columns, function, conditions, tested, order, descending, size
    )


def _values(tree: exp.Insert) -> tuple[str, ...]:
    rows = tree.expression.expressions if isinstance(tree.expression, exp.Values) else []
    return tuple(value.sql(dialect="mysql") for value in rows[0].expressions) if rows else ()


def _tables(tree: exp.Expr) -> tuple[str, ...]:
    return tuple(dict.fromkeys(quote(table.name) for table in tree.find_all(exp.Table)))


def _column(node: exp.Expr) -> str:
    return quote(node.name) if isinstance(node, exp.Column) else node.sql(dialect="mysql")


def _where(tree: exp.Expr) -> tuple[tuple[str, ...], tuple[str, ...]]:
    where = tree.args.get("where")
    if where is None:
        return (), ()
    parts = list(where.this.flatten()) if isinstance(where.this, exp.And) else [where.this]
    tested = tuple(dict.fromkeys(_column(c) for p in parts for c in p.find_all(exp.Column)))
    return tuple(_phrase(part) for part in parts), tested


def _phrase(part: exp.Expr) -> str:
    word = COMPARISONS.get(type(part))
    if word and isinstance(part.this, exp.Column) and isinstance(part.expression, exp.Literal):
        return f"{_column(part.this)} {word} {part.expression.sql(dialect='mysql')}"
    if isinstance(part, exp.Like) and isinstance(part.this, exp.Column):
        return f"{_column(part.this)} contains '{part.expression.name.strip('%')}'"
    return part.sql(dialect="mysql")
