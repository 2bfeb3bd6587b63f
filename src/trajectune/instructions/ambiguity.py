"""Whether a gold query settles its own result, or leaves a part of it to the engine.

The idea: what a query leaves open is closed in two opposite ways, and both results are compared. Rows that
tie at a LIMIT are put in order by all columns, once upwards and once downwards. A column that is neither
grouped by nor aggregated is read as the least and as the greatest value of its group (MySQL refuses such a
query by default, SQLite takes any row). Where the two results differ, two agents that reason alike may find
different answers, and the task would pay one of them.

Invariant: a query is changed only where it leaves something open; one that cannot be parsed is not judged.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

from sqlglot import exp, parse_one

from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.scoring import answers_match
from trajectune.environments.database.generator.generated import answers_of

TIES = "rows tie at its LIMIT, so its result is left to the engine"
OPEN_GROUP = "a column is neither grouped by nor aggregated, so its result is left to the engine"


def ambiguity(gold: str, sandbox: Sandbox) -> str:
    """Which of the two reasons makes a query ambiguous in this database; empty for none."""
    for reason, closed in ((TIES, closed_ties), (OPEN_GROUP, closed_groups)):
        pair = closed(gold)
        if pair and not _agree(pair, sandbox):
            return reason
    return ""


def closed_ties(gold: str) -> tuple[str, str] | None:
    """The query with all ties at its LIMITs settled, upwards and downwards; `None` without a LIMIT."""
    return _pair(gold, _settle_ties)


def closed_groups(gold: str) -> tuple[str, str] | None:
    """The query with MIN and with MAX around what its groups leave open; `None` where nothing is."""
    return _pair(gold, _settle_group)


def _pair(gold: str, settle: Callable[[exp.Select, bool], bool]) -> tuple[str, str] | None:
    found = [_closed(gold, settle, up) for up in (True, False)]
    return (found[0], found[1]) if found[0] and found[1] else None


def _closed(gold: str, settle: Callable[[exp.Select, bool], bool], up: bool) -> str:
    """The query with each SELECT settled in one direction; empty where none had to be."""
    for dialect in ("sqlite", "mysql"):
        try:
            tree = parse_one(gold, dialect=dialect)
            changed = [settle(select, up) for select in tree.find_all(exp.Select)]
            return tree.sql(dialect="sqlite") if any(changed) else ""
        except Exception:  # sqlglot raises much besides its own errors
            continue
    return ""


def _settle_ties(select: exp.Select, up: bool) -> bool:
    """Order a SELECT with a LIMIT by all its columns, behind what it is ordered by already."""
    columns = select.expressions
    if not select.args.get("limit") or any(column.is_star for column in columns):
        return False
    keys = [
        exp.Ordered(this=exp.Literal.number(place), desc=not up, nulls_first=up)
        for place in range(1, len(columns) + 1)
    ]
    order = select.args.get("order")
    written = list(order.expressions) if order else []
    select.set("order", exp.Order(expressions=[*written, *keys]))
    return True


def _settle_group(select: exp.Select, up: bool) -> bool:
    """Aggregate the columns of a grouped SELECT that are open."""
    group = select.args.get("group")
    keys = {key.sql() for key in group.expressions} if group else set()
    grouped = bool(group) or any(_aggregates(each) for each in select.expressions)
    if not grouped:
        return False
    bare = [each for each in select.expressions if _is_bare(each, keys)]
    for each in bare:
        target = each.this if isinstance(each, exp.Alias) else each
        target.replace(exp.Min(this=target.copy()) if up else exp.Max(this=target.copy()))
    return bool(bare)


def _is_bare(projection: exp.Expr, keys: set[str]) -> bool:
    """Whether it reads a column that is no key of the grouping, outside any aggregate."""
    target = projection.unalias()
    if target.is_star or _aggregates(target) or target.sql() in keys or projection.alias in keys:
        return False
    return any(column.sql() not in keys for column in target.find_all(exp.Column))


def _aggregates(node: exp.Expr) -> bool:
    return any(node.find_all(exp.AggFunc, exp.Window, exp.Subquery))


def _agree(pair: Sequence[str], sandbox: Sandbox) -> bool:
    """Whether both queries give the same answer; also where one does not run, for then nothing is known."""
    found = []
    for query in pair:
        answer = _answers(query, sandbox)
        if answer is None:
            return True
        found.append(answer)
    return answers_match(*found)


def _answers(query: str, sandbox: Sandbox) -> list[str] | None:
    try:
        return answers_of(sandbox.query(query))
    except sqlite3.Error:
        return None
