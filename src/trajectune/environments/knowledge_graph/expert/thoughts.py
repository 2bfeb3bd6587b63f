"""What the expert says: short thoughts in varied words, from the call and the question's own words.

The idea: a thought says what is looked for and why this call finds it. Of a variable it knows what the
question calls it (`GoldCall.purpose`) where the question was made here, else what the relation's name says.
It speaks of a relation only when it was listed, and never of a member of a variable, which no agent sees.

Invariant: no thought holds a line break.
"""

from __future__ import annotations

import re
from random import Random

from trajectune.environments.knowledge_graph.sources.problem import GoldCall

OPENERS = (
    "The question names {x}, so I look at its relations first.",
    "I begin with {x} and see where it leads.",
    "Let me see which relations {x} has.",
    "{x} is a starting point: what leads on from it?",
)
SECOND = (
    "The question also names {x}; I look at its relations.",
    "Now the other part of the question: the relations of {x}.",
    "I need {x} as well, so I list its relations.",
)
ONWARD = (
    "From {x} I have to go on, so I list its relations.",
    "{x} is only on the way to the answer; I look where it leads.",
    "Next I need what leads on from {x}.",
)
FOLLOW = (
    "{r} should lead to {what}.",
    "I follow {r}: it gives {what}.",
    "Of these, {r} is the one that leads to {what}.",
    "I look for {what}, and {r} leads there.",
)
FOLLOW_ONLY = (
    "{r} fits what the question asks.",
    "{r} is about {role}, as the question is.",
    "The question is about {role}, so I follow {r}.",
    "Of these I take {r}, for {role}.",
)
INTERSECT = (
    "Both conditions must hold, so I intersect {a} and {b}.",
    "What is in both {a} and {b} fulfils the two conditions.",
    "{a} and {b} are of one kind; the question wants what they share.",
)
ATTRIBUTES = (
    "The question ranks by a number, so I see which numbers {x} has.",
    "To compare the members of {x} I need an attribute.",
    "Which attributes does {x} have to rank by?",
)
EXTREME = (
    "By {r} I take the {end}: {what}.",
    "{r} is the number to compare, and the question wants the {end}.",
    "The {end} {role} decides, so I rank {x} by {r}.",
)
COUNT = (
    "The question asks how many, so I count {x}.",
    "All that is left is to count {x}.",
    "I have them in {x}; their number is the answer.",
)
ANSWER = (
    "{x} holds {what}, as was asked.",
    "That is the end of the way: the answer is {x}.",
    "{x} answers the question.",
    "So {x} holds the answer.",
)
ENDS = {"argmax": "largest", "argmin": "smallest"}


def thought(rng: Random, call: GoldCall, earlier: list[GoldCall]) -> str:
    """Why this call is made, after these."""
    match call.tool, call.arguments:
        case "get_relations", (x,):
            return _pick(rng, _looking(x, earlier), x=x)
        case "get_neighbors", (_, r):
            forms = FOLLOW if call.purpose else FOLLOW_ONLY
            return _pick(rng, forms, r=r, what=call.purpose, role=role(r))
        case "intersection", (a, b):
            return _pick(rng, INTERSECT, a=a, b=b)
        case "get_attributes", (x,):
            return _pick(rng, ATTRIBUTES, x=x)
        case "argmax" | "argmin", (x, r):
            forms = EXTREME if call.purpose else EXTREME[1:]
            return _pick(rng, forms, x=x, r=r, role=role(r), end=ENDS[call.tool], what=call.purpose)
        case "count", (x,):
            return _pick(rng, COUNT, x=x)
    raise ValueError(f"no words for {call.tool}{call.arguments}")


def committing(rng: Random, variable: str, purpose: str) -> str:
    """The thought before the answer."""
    return _pick(rng, ANSWER if purpose else ANSWER[1:], x=variable, what=purpose)


def role(name: str) -> str:
    """What the name of a relation says: `country.official_languages` → `official languages`."""
    last = re.split(r"[./#:]", name.rstrip("/#:"))[-1]
    return re.sub(r"[_\s]+", " ", last).strip() or name


def _looking(x: str, earlier: list[GoldCall]) -> tuple[str, ...]:
    if x.startswith("#"):
        return ONWARD
    return SECOND if earlier else OPENERS


def _pick(rng: Random, forms: tuple[str, ...], **slots: str) -> str:
    form = rng.choice(forms)
    # One pass: a name that itself looks like a slot is left alone.
    said = " ".join(re.sub(r"\{(\w+)\}", lambda m: slots[m[1]], form).split())
    return said[:1].upper() + said[1:] if not said.startswith(slots.get("r", "\0")) else said
