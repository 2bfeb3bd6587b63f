"""Deliberate first mistakes, each with the thought that reads the complaint and mends it.

The idea: a model that never saw a refused call repeats it. So some of the expert's episodes hold one wrong
call, which is shown and not trained; what is trained is the repair.

Invariant: every mistake here is refused by the episode, so that the repair never speaks of a complaint that
is not there, and no variable is made by it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from trajectune.environments.knowledge_graph.sources.problem import GoldCall


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong call before the one that is right, and the thought that mends it."""

    call: GoldCall
    mended: str
    reason: str = ""
    """Why it is made; empty where the reason is that of the right call."""


def mistake(rng: Random, gold: list[GoldCall], at: int) -> Mistake | None:
    """A mistake to make in place of gold call number `at`; `None` where none fits."""
    fitting = [made for make in MISTAKES if (made := make(rng, gold, at)) is not None]
    return rng.choice(fitting) if fitting else None


def _unlisted(rng: Random, gold: list[GoldCall], at: int) -> Mistake | None:
    """Following a relation before the relations are listed."""
    here = gold[at]
    if here.tool != "get_relations" or at + 1 >= len(gold) or here in gold[:at]:
        return None
    following = gold[at + 1]
    if following.tool != "get_neighbors" or following.arguments[0] != here.arguments[0]:
        return None
    x = here.arguments[0]
    said = rng.choice(
        (
            f"I must list the relations of {x} before I follow one.",
            f"That was too early: first I need the relations of {x}.",
            f"The relations of {x} were not listed yet, so I list them.",
        )
    )
    return Mistake(following, said, f"I go straight on from {x}.")


def _unrankable(rng: Random, gold: list[GoldCall], at: int) -> Mistake | None:
    """Ranking before the attributes are listed."""
    here = gold[at]
    if here.tool != "get_attributes" or at + 1 >= len(gold) or here in gold[:at]:
        return None
    x = here.arguments[0]
    said = rng.choice(
        (
            f"The attributes of {x} have to be listed first.",
            f"I have not seen the attributes of {x}; I list them.",
        )
    )
    return Mistake(gold[at + 1], said, f"I rank {x} at once.")


def _misspelt(rng: Random, gold: list[GoldCall], at: int) -> Mistake | None:
    """A relation or attribute written as it is not listed."""
    here = gold[at]
    if here.tool not in ("get_neighbors", "argmax", "argmin") or "." not in here.arguments[1]:
        return None
    x, right = here.arguments
    wrong = rng.choice((right.rpartition(".")[2], right.replace("_", " ").replace(".", " "), right + "_of"))
    said = rng.choice(
        (
            f"The list has {right}, not {wrong}. I write it as it is listed.",
            f"There is no {wrong}; the name is {right}.",
        )
    )
    return Mistake(GoldCall(here.tool, (x, wrong)), said)


def _future(rng: Random, gold: list[GoldCall], at: int) -> Mistake | None:
    """A variable that does not exist yet."""
    here = gold[at]
    x = here.arguments[0]
    if not x.startswith("#") or here.tool not in ("get_relations", "get_attributes", "count"):
        return None
    wrong = f"#{int(x[1:]) + rng.choice((1, 2))}"
    if gold[:at] and wrong in _made(gold[:at]):
        return None
    said = rng.choice(
        (
            f"There is no {wrong} yet; I mean {x}.",
            f"I counted wrongly: the variable is {x}.",
        )
    )
    return Mistake(GoldCall(here.tool, (wrong,)), said)


MAKING = ("get_neighbors", "intersection", "argmax", "argmin", "count")
"""The tools that make a variable."""
MISTAKES: tuple[Callable[[Random, list[GoldCall], int], Mistake | None], ...] = (
    _unlisted,
    _unrankable,
    _misspelt,
    _future,
)


def _made(gold: list[GoldCall]) -> set[str]:
    """The variables that exist after these calls."""
    return {f"#{number}" for number in range(sum(call.tool in MAKING for call in gold))}
