"""The expert: solves a problem from its gold statement, thinking aloud, by one of several routes.

Routes, chosen by the seed: direct; a look at the table first; a mistake first, then its repair (the
mistake is shown and not trained); and, for changes, a check behind it. Values it answers with are
read from the observation that it is sent.

Invariant: an expert exists exactly where its gold statement, run here, earns the reward.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Generator
from dataclasses import dataclass
from random import Random

from agenttune.environments.contract import Expert, Move
from agenttune.environments.database import thoughts
from agenttune.environments.database.episode import run
from agenttune.environments.database.generated import answers_of
from agenttune.environments.database.mistakes import Mistake, mistakes
from agenttune.environments.database.plan import Plan, read
from agenttune.environments.database.problem import Problem
from agenttune.environments.database.sandbox import Sandbox
from agenttune.environments.database.scoring import answers_match
from agenttune.trajectory import ToolCall

CHECK_SHARE = 0.2
"""Of changes: how many are checked afterwards."""


@dataclass(frozen=True, slots=True)
class Routes:
    """How often the expert leaves the direct route; a share of its episodes each."""

    repair: float = 0.12
    """A mistake first, then its repair."""
    look: float = 0.1
    """A look at the values that matter first."""


def expert(problem: Problem, seed: str, routes: Routes = Routes()) -> Expert | None:
    """A solver of this problem; `seed` settles the route and the words."""
    return _moves(problem, Random(seed), routes) if provable(problem) else None


def provable(problem: Problem) -> bool:
    """Whether the gold statement runs here, its output is shown whole, and it earns the reward."""
    if not problem.gold or "\n" in problem.gold:
        return False
    sandbox = Sandbox(problem.tables, problem.image)
    try:
        answer = run(sandbox, problem.gold)
        if answer.failed:
            return False
        values = read_values(answer.text)
        return problem.answers is None or (values is not None and answers_match(values, problem.answers))
    finally:
        sandbox.close()


def read_values(observation: str) -> list[str] | None:
    """The values in an observation such as `[('a',), (2,)]`; `None` when it shows no whole result."""
    try:
        rows = ast.literal_eval(observation)
        return answers_of(rows)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _moves(problem: Problem, rng: Random, routes: Routes) -> Expert:
    plan = read(problem.gold)
    why = thoughts.purpose(rng, plan, problem.question)
    roll = rng.random()
    if roll < routes.repair:
        why = (yield from _mistaken(problem, plan, rng, why)) or why
    elif roll < routes.repair + routes.look:
        why = (yield from _look(plan, rng)) + why
    seen = yield _sql(why, problem.gold)
    if problem.answers is None:
        yield from _finish_change(problem.gold, plan, rng)
        return
    values = read_values(seen) or ["none"]
    yield _answer(thoughts.committing(rng, values), values)


def _mistaken(problem: Problem, plan: Plan, rng: Random, why: str) -> Generator[Move, str, str]:
    """Make one mistake and give back the thought that mends it (empty when none can be made)."""
    tried = mistakes(rng, plan, problem.gold, problem.question)
    possible = [mistake for mistake in tried if _shows(problem, mistake)]
    if not possible:
        return ""
    mistake = rng.choice(possible)
    yield _sql(why, mistake.sql, trained=False)
    return mistake.mended


def _shows(problem: Problem, mistake: Mistake) -> bool:
    """Try a mistake on a copy: does its output give it away, and nothing change?"""
    sandbox = Sandbox(problem.tables, problem.image)
    try:
        before = sandbox.changes
        wrong = run(sandbox, mistake.sql)
        return sandbox.changes == before and mistake.shows(wrong, run(sandbox, problem.gold))
    finally:
        sandbox.close()


def _look(plan: Plan, rng: Random) -> Generator[Move, str, str]:
    """Look at the values that matter; gives back what was learnt, to stand before the next thought."""
    columns = [c for c in (*plan.tested, plan.order, *plan.columns) if c.startswith("`")]
    if plan.kind in ("other", "insert") or len(plan.tables) != 1 or not columns:
        return ""
    column = columns[0]
    sql = f"SELECT DISTINCT {column} FROM {plan.tables[0]} LIMIT {rng.choice((2, 3, 3))}"
    seen = yield _sql(rng.choice(thoughts.LOOK).format(c=column), sql)
    values = read_values(seen) or ["none"]
    return rng.choice(thoughts.SEEN).format(
        c=column, v=f"'{values[0]}'" if f"'{values[0]}'" in seen else values[0]
    )


def _finish_change(gold: str, plan: Plan, rng: Random) -> Expert:
    """Commit a change, checked or not."""
    check = _check_sql(gold, plan)
    if check and rng.random() < CHECK_SHARE:
        yield _sql(rng.choice(thoughts.CHECK), check)
        yield _answer(rng.choice(thoughts.CHECKED), ["none"])
    else:
        yield _answer(rng.choice(thoughts.CHANGED), ["none"])


def _check_sql(gold: str, plan: Plan) -> str:
    """A query that shows whether the change was made; empty when there is none that is short."""
    if plan.kind == "delete" and " WHERE " in gold:
        return f"SELECT COUNT(*) FROM {plan.tables[0]} WHERE {gold.split(' WHERE ', 1)[1]}"
    if plan.kind == "update" and " WHERE " in gold and not set(plan.columns) & set(plan.tested):
        where = gold.rsplit(" WHERE ", 1)[1]
        return f"SELECT {', '.join(plan.columns)} FROM {plan.tables[0]} WHERE {where}"
    key = re.search(r"VALUES \(('(?:[^']|'')*')", gold)
    if plan.kind == "insert" and plan.columns and key:
        return f"SELECT * FROM {plan.tables[0]} WHERE {plan.columns[0]} = {key[1]}"
    return ""


def _sql(thought: str, query: str, trained: bool = True) -> Move:
    return Move(thought, ToolCall(name="sql", arguments={"query": query}), trained)


def _answer(thought: str, values: list[str]) -> Move:
    return Move(thought, ToolCall(name="answer", arguments={"values": list(values)}))
