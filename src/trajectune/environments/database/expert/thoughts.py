"""What the expert says: short thoughts in varied words, made from a `Statement` and the question.

The idea: a thought says what is looked for and why the statement finds it; where something is sorted
it states what is read and the direction before the SQL does (highest: descending), and of a new row which
value goes to which column, because small models confuse these. All questions begin alike and part where
their statements part (`the highest … where`, `the highest … and its`): a kind with openers of its own
shares its probability among them, and greedy decoding then prefers another kind.

Invariant: no thought holds a line break, and most are below thirty words.
"""

from __future__ import annotations

import re
from random import Random

from trajectune.environments.database.expert.statement import Statement

RANK_WORDS = re.compile(
    r"\b(most recent|most expensive|most powerful|best-selling|worst-selling|most|least|fewest|"
    r"(?!interest|forest|west|rest|request|contest|east|guest|harvest)[a-z]+est|best|worst)\b",
    re.I,
)
FUNCTIONS = {
    "SUM": ("the sum of {c}", "the total of {c}"),
    "AVG": ("the average of {c}", "the mean of {c}"),
    "MAX": ("the highest {c}",),
    "MIN": ("the lowest {c}",),
}
OPENERS = ("I need", "I look for", "The question asks for")
READ = "{opener} {what} where {where}."
READ_ALL = ("{opener} {what} over the whole table.", "{opener} {what}, without any condition.")
RANK = (
    "{opener} the {end} {order} and {its} {what}{where}: sort {way}, LIMIT {n}.",
    "{opener} the {end} {order} ({word}) and {its} {what}{where}: sort {way}, LIMIT {n}.",
)
JOIN = (
    "The condition is in {b}, the wanted value in {a}: I join them by the id.",
    "{a} and {b} belong together by the id, so I join them and keep what fits.",
    "I join {a} with {b} to use both tables.",
)
INSERT = (
    "I insert one row into {t}: {pairs}.",
    "The task adds a row to {t}: {pairs}.",
)
INSERT_ALL = ("I insert one row into {t}: a value for each column, in order.",)
UPDATE = (
    "I set {c} in the rows where {where}.",
    "The task changes {c} in the rows where {where}.",
)
DELETE = (
    "I delete the rows where {where}.",
    "The task removes the rows where {where}.",
)
ANSWER = (
    "The output answers the question.",
    "The output gives {v}, which is the answer.",
    "So the answer is {v}.",
    "That is what was asked for.",
)
ANSWER_MANY = (
    "Every row of the output belongs to the answer.",
    "The answer is all that the output shows.",
)
ANSWER_NONE = ("No row fits, so the answer is none.", "The output is empty: the answer is none.")
CHANGED = ("The change is made.", "The statement ran, so the task is done.", "Done: the table is changed.")
CHECK = ("I check the change.", "I look whether it worked.", "Let me verify the rows.")
CHECKED = (
    "The table now shows what was asked.",
    "The rows are as they should be.",
    "The check confirms the change.",
)
LOOK = (
    "First I look at how {c} is written.",
    "I look at some values of {c} before I ask.",
    "To be sure about {c}, I look at the table first.",
)
SEEN = ("{c} holds values like {v}. ", "Now I know how {c} looks. ", "The values are written like {v}. ")


def purpose(rng: Random, statement: Statement, question: str) -> str:
    """Why the gold statement is the right one."""
    if statement.kind == "insert":
        pairs = [f"{c} {v}" for c, v in zip(statement.columns, statement.values, strict=False)]
        return rng.choice(INSERT if pairs else INSERT_ALL).format(
            t=statement.tables[0], pairs=", ".join(pairs)
        )
    if statement.kind == "update":
        return rng.choice(UPDATE).format(c=_listed(statement.columns), where=statement.where or "any")
    if statement.kind == "delete":
        return rng.choice(DELETE).format(where=statement.where or "any")
    if statement.kind != "select":
        return "One statement gives what is asked for."
    parts = []
    if len(statement.tables) > 1:
        parts.append(rng.choice(JOIN).format(a=statement.tables[0], b=_listed(statement.tables[1:])))
    if statement.order and statement.limit:
        parts.append(direction(rng, statement, question))
    elif len(statement.tables) == 1:
        frame = READ if statement.conditions else rng.choice(READ_ALL)
        parts.append(
            frame.format(opener=rng.choice(OPENERS), what=_what(rng, statement), where=statement.where)
        )
    return " ".join(parts)


def direction(rng: Random, statement: Statement, question: str) -> str:
    """Which way to sort, and which word of the question says so."""
    alone = statement.limit == "1"
    return rng.choice(RANK).format(
        opener=rng.choice(OPENERS),
        word=f"'{rank_word(question)}'",
        end=("" if alone else f"{statement.limit} ") + ("highest" if statement.descending else "lowest"),
        its="its" if alone else "their",
        order=statement.order,
        way="descending (DESC)" if statement.descending else "ascending (ASC)",
        what=_listed(statement.columns) or "everything",
        where=f" where {statement.where}" if statement.conditions else "",
        n=statement.limit,
    )


def rank_word(question: str) -> str:
    """The word of the question that ranks (`tallest`), or `first`."""
    found = RANK_WORDS.findall(question.split("\n", 1)[0])
    return found[-1].lower() if found else "first"


def committing(rng: Random, values: list[str]) -> str:
    """The thought before the answer to a question."""
    if values == ["none"]:
        return rng.choice(ANSWER_NONE)
    if len(values) > 1:
        return rng.choice(ANSWER_MANY)
    value = values[0] if len(values[0]) < 40 else "one value"
    return rng.choice(ANSWER).format(v=value)


def _what(rng: Random, statement: Statement) -> str:
    columns = _listed(statement.columns)
    if statement.function == "COUNT":
        return f"the number of different {columns}" if statement.columns else "the number of rows"
    if statement.function in FUNCTIONS:
        return rng.choice(FUNCTIONS[statement.function]).format(c=columns)
    return columns or "everything"


def _listed(names: tuple[str, ...]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)
