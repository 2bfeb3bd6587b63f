"""Which statements are sent to a server at all, and how they are said to PostgreSQL.

The idea: what keeps an episode inside its database are the rights of its user. Here stands what rights do
not say: one statement that reads or changes rows, so that nobody sets a session's limits, begins a
transaction or locks tables. PostgreSQL is told MySQL's way of writing in its own words when it does not
understand it, as SQLite is.

Invariants: nothing here raises, and never are two statements made out of one. Like the rewriting for
SQLite, the translation runs where it can be killed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import sqlglot
from sqlglot import expressions as exp

from trajectune.environments.database.engine.mysql import DESCRIBE, MAX_NESTING, MAX_REWRITE, SHOW_TABLES

READS = frozenset({"select", "values", "table", "show", "describe", "desc"})
"""First words of statements that change nothing."""
VERBS = READS | {"with", "explain", "insert", "update", "delete", "replace"}
CHANGES = re.compile(r"\b(?:insert|update|delete|replace|merge)\b", re.I)
BEFORE = re.compile(r"(?:[\s(]|--[^\n]*(?:\n|\Z)|#[^\n]*(?:\n|\Z)|/\*(?![!M]).*?\*/)*", re.S)
"""What may stand before the first word: blanks, brackets and comments that no server obeys."""
WORD = re.compile(r"[a-z]+", re.I)
OBEYED = re.compile(r"/\*M?!")
"""How a comment begins that MySQL and MariaDB carry out."""
SHOW = re.compile(
    r"show\s+(?:full\s+)?(?:tables|columns|fields|index|indexes|keys|create\s+table|warnings|table\s+status)\b",
    re.I,
)

TABLES = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = 'public' ORDER BY tablename"
COLUMNS = (
    "SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns "
    "WHERE table_schema = 'public' AND lower(table_name) = lower('{}') ORDER BY ordinal_position"
)


def verb(sql: str) -> str:
    """The first word of a statement in lower case; nothing where it begins otherwise."""
    begin = BEFORE.match(sql)
    word = WORD.match(sql, begin.end() if begin else 0)
    return word[0].lower() if word else ""


def reads(sql: str) -> bool:
    """Whether a statement surely changes nothing."""
    first = verb(sql)
    return first in READS or (first == "with" and not CHANGES.search(sql))


def refusal(sql: str) -> str:
    """Why a statement is not sent; nothing for one that is."""
    first = verb(sql)
    if first not in VERBS:
        return "only statements that read or change rows are allowed"
    if OBEYED.search(sql):
        return "comments that the server carries out are not allowed"
    if first == "show" and not SHOW.match(sql, sql.lower().index("show")):
        return "of SHOW, only what tables and columns there are is allowed"
    return ""


def postgresql(sql: str, names: Iterable[str]) -> str | None:
    """A statement in MySQL's words as PostgreSQL says it, or `None` where there is nothing better to say.

    `names` are those of tables and columns: MySQL finds them whatever the case of their letters.
    """
    text = sql.strip()
    if len(text) > MAX_REWRITE or text.count("(") > MAX_NESTING:
        return None
    if SHOW_TABLES.fullmatch(text):
        return TABLES
    if match := DESCRIBE.fullmatch(text.rstrip("; \t\r\n")):
        return COLUMNS.format(match["name"].strip("`\"'").replace("'", "''"))
    try:
        (tree,) = sqlglot.parse(text, read="mysql")
        return None if tree is None else _named(tree, names).sql(dialect="postgres")
    except Exception:  # of what is no SQL, sqlglot raises much besides its own errors
        return None


def _named(tree: exp.Expr, names: Iterable[str]) -> exp.Expr:
    """The tree with every known name in its own letters and in quotes."""
    known = {name.lower(): name for name in names}
    for node in tree.find_all(exp.Identifier):
        if (own := known.get(node.name.lower())) is not None:
            node.set("this", own)
            node.set("quoted", True)
    return tree
