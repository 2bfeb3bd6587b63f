"""MySQL's way of writing where SQLite does not understand it, for statements that agents try.

The idea: back quotes and most of SQL mean the same in both; only what SQLite refuses is looked at
again. `SHOW` and `DESCRIBE` have direct counterparts, the rest goes through sqlglot.

Invariants: nothing here raises, and `rewrite` never makes two statements out of one. What sqlglot takes
for a short statement may still grow exponentially with its length, so this runs where it can be killed
(`trajectune.environments.database.engine.server`); what is done here takes linear time.
"""

from __future__ import annotations

import logging
import re

import sqlglot

from trajectune.environments.database.engine.tables import quote

logging.getLogger("sqlglot").setLevel(
    logging.ERROR
)  # it warns of all that is no SQL; a model writes much of it

MAX_REWRITE = 2_000
"""Longer statements are not worth a parse."""
MAX_NESTING = 30

SHOW_TABLES = re.compile(r"show\s+(?:full\s+)?tables\b.*", re.I | re.S)
DESCRIBE = re.compile(
    r"(?:desc(?:ribe)?|explain|show\s+(?:full\s+)?(?:columns|fields)\s+(?:from|in))\s+"
    r"(?P<name>`[^`]+`|\"[^\"]+\"|'[^']+'|[\w$]+)",
    re.I,
)
QUOTED = re.compile(r"'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|`(?:[^`]|``)+`")
TABLES_QUERY = "SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name"


def rewrite(sql: str) -> str | None:
    """The statement in SQLite's words, or `None` when there is nothing better to say."""
    text = sql.strip()
    if len(text) > MAX_REWRITE:
        return None
    if SHOW_TABLES.fullmatch(text):
        return TABLES_QUERY
    if match := DESCRIBE.fullmatch(text.rstrip("; \t\r\n")):
        name = match["name"]
        bare = name[1:-1] if name[0] in "`\"'" else name
        return f"PRAGMA table_info({quote(bare)})"
    if text.count("(") > MAX_NESTING:
        return None
    try:
        statements = sqlglot.transpile(text, read="mysql", write="sqlite")
    except Exception:  # of what is no SQL, sqlglot raises much besides its own errors
        return None
    if len(statements) != 1 or not statements[0] or statements[0] == text:
        return None
    return brackets(statements[0], '"')


def brackets(sql: str, quotes: str = "`") -> str:
    """The statement with `name` as [name]: SQLite takes an unknown name in quotes for a text.

    MySQL answers it with an error, and a misspelt column must be an error here too.
    """

    def rewritten(match: re.Match[str]) -> str:
        name = match[0][1:-1]
        simple = match[0][0] == quotes and quotes not in name and "]" not in name
        return f"[{name}]" if simple else match[0]

    return QUOTED.sub(rewritten, sql)
