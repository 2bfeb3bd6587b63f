"""The expert: solves a problem from its gold statement, thinking aloud, by one of several routes.

Routes, chosen by the seed: direct; a look at the table first; a mistake first, then its repair (the
mistake is shown and not trained); and, for changes, a check behind it. Values it answers with are
read from the observation that it is sent.

Invariant: an expert exists exactly where its gold statement, run in the engine that the episode has, earns
the reward.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from random import Random

from trajectune.environments.contract import Expert, Move
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.sandbox import SECONDS, Answer
from trajectune.environments.database.engine.scoring import answers_match
from trajectune.environments.database.engine.store import Opening, SqliteStore
from trajectune.environments.database.expert import thoughts
from trajectune.environments.database.expert.mistakes import Mistake, mistakes
from trajectune.environments.database.expert.statement import Statement, read
from trajectune.environments.database.generator.generated import answers_of
from trajectune.trajectory import ToolCall

CHECK_SHARE = 0.2
"""Of changes: how many are checked afterwards."""
SQLITE: Opening = partial(SqliteStore, seconds=SECONDS)
DECIMAL = re.compile(r"Decimal\('([^']*)'\)")
"""How the drivers of servers show exact numbers."""


@dataclass(frozen=True, slots=True)
class Routes:
    """How often the expert leaves the direct route; a share of its episodes each."""

    repair: float = 0.12
    """A mistake first, then its repair."""
    look: float = 0.1
    """A look at the values that matter first."""


def expert(
    problem: Problem, seed: str, routes: Routes = Routes(), opening: Opening = SQLITE
) -> Expert | None:
    """A solver of this problem; `seed` settles the route and the words, `opening` the engine."""
    right = proof(problem, opening)
    return None if right is None else _moves(problem, right, Random(seed), routes, opening)


def proof(problem: Problem, opening: Opening = SQLITE) -> Answer | None:
    """What the gold statement shows; `None` unless it runs there, is shown whole and earns the reward."""
    if not problem.gold or "\n" in problem.gold:
        return None
    answer = _shown(problem, opening)
    if answer.failed:
        return None
    if problem.answers is None:
        return answer
    values = read_values(answer.text)
    return answer if values is not None and answers_match(values, problem.answers) else None


def _shown(problem: Problem, opening: Opening) -> Answer:
    """What the gold statement shows."""
    if problem.shows is not None and opening is SQLITE:
        return Answer(problem.shows)
    store = opening(problem)
    answer = store.run(problem.gold)
    store.close()
    return answer


def read_values(observation: str) -> list[str] | None:
    """The values in an observation such as `[('a',), (2,)]`; `None` when it shows no whole result."""
    try:
        rows = ast.literal_eval(DECIMAL.sub(r"'\1'", observation))
        return answers_of(rows)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _moves(problem: Problem, right: Answer, rng: Random, routes: Routes, opening: Opening) -> Expert:
    statement = read(problem.gold)
    why = thoughts.purpose(rng, statement, problem.question)
    roll = rng.random()
    if roll < routes.repair:
        why = (yield from _mistaken(problem, right, statement, rng, why, opening)) or why
    elif roll < routes.repair + routes.look:
        why = (yield from _look(statement, rng)) + why
    seen = yield _sql(why, problem.gold)
    if problem.answers is None:
        yield from _finish_change(problem.gold, statement, rng)
        return
    values = read_values(seen) or ["none"]
    yield _answer(thoughts.committing(rng, values), values)


def _mistaken(
    problem: Problem, right: Answer, statement: Statement, rng: Random, why: str, opening: Opening
) -> Generator[Move, str, str]:
    """Make one mistake and give back the thought that mends it (empty when none can be made)."""
    tried = mistakes(rng, statement, problem.gold, problem.question)
    possible = [mistake for mistake in tried if _shows(problem, right, mistake, opening)]
    if not possible:
        return ""
    mistake = rng.choice(possible)
    yield _sql(why, mistake.sql, trained=False)
    return mistake.mended


def _shows(problem: Problem, right: Answer, mistake: Mistake, opening: Opening) -> bool:
    """Try a mistake on a copy: does its output give it away, and nothing change?"""
    store = opening(problem)
    wrong = store.run(mistake.sql)
    changes = store.changes
    store.close()
    return changes == 0 and mistake.shows(wrong, right)


def _look(statement: Statement, rng: Random) -> Generator[Move, str, str]:
    """Look at the values that matter; gives back what was learnt, to stand before the next thought."""
    columns = [c for c in (*statement.tested, statement.order, *statement.columns) if c.startswith("`")]
    if statement.kind in ("other", "insert") or len(statement.tables) != 1 or not columns:
        return ""
    column = columns[0]
    sql = f"SELECT DISTINCT {column} FROM {statement.tables[0]} LIMIT {rng.choice((2, 3, 3))}"
    seen = yield _sql(rng.choice(thoughts.LOOK).format(c=column), sql)
    values = read_values(seen) or ["none"]
    return rng.choice(thoughts.SEEN).format(
        c=column, v=f"'{values[0]}'" if f"'{values[0]}'" in seen else values[0]
    )


def _finish_change(gold: str, statement: Statement, rng: Random) -> Expert:
    """Commit a change, checked or not."""
    check = _check_sql(gold, statement)
    if check and rng.random() < CHECK_SHARE:
        yield _sql(rng.choice(thoughts.CHECK), check)
        yield _answer(rng.choice(thoughts.CHECKED), ["none"])
    else:
        yield _answer(rng.choice(thoughts.CHANGED), ["none"])


def _check_sql(gold: str, statement: Statement) -> str:
    """A query that shows whether the change was made; empty when there is none that is short."""
    if statement.kind == "delete" and " WHERE " in gold:
        return f"SELECT COUNT(*) FROM {statement.tables[0]} WHERE {gold.split(' WHERE ', 1)[1]}"
    if (
        statement.kind == "update"
        and " WHERE " in gold
        and not set(statement.columns) & set(statement.tested)
    ):
        where = gold.rsplit(" WHERE ", 1)[1]
        return f"SELECT {', '.join(statement.columns)} FROM {statement.tables[0]} WHERE {where}"
    key = re.search(r"VALUES \(('(?:[^']|'')*')", gold)
    if statement.kind == "insert" and statement.columns and key:
        return f"SELECT * FROM {statement.tables[0]} WHERE {statement.columns[0]} = {key[1]}"
    return ""


def _sql(thought: str, query: str, trained: bool = True) -> Move:
    return Move(thought, ToolCall(name="sql", arguments={"query": query}), trained)


def _answer(thought: str, values: list[str]) -> Move:
    return Move(thought, ToolCall(name="answer", arguments={"values": list(values)}))
