"""Whether an imported trajectory, written again, gives the agent's words back.

The idea: an import is proven by the way back. Two texts are compared three times, each time with less of
the form: as they are; with spaces and line breaks as one space; and with the list of a final answer as the
texts of its values, which is what a trajectory holds (`[0]` is written again as `["0"]`, and an escaped
letter as the letter).
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Literal, get_args

from trajectune.dialects.contract import Dialect
from trajectune.dialects.conversation import to_example
from trajectune.example import Example
from trajectune.storage import parse_json
from trajectune.trajectory import Trajectory

Sameness = Literal["exact", "spaces", "values"]
"""How two texts are the same: as they are, but for white space, but for that and the form of an answer."""
SAMENESS: tuple[Sameness, ...] = get_args(Sameness)
_ANSWER = "Final Answer:"


def sameness(written: str, said: str) -> Sameness | None:
    """The strictest way in which two texts are the same; `None` where they differ in words."""
    if written == said:
        return "exact"
    if written.split() == said.split():
        return "spaces"
    (before, values), (before_said, values_said) = _answer(written), _answer(said)
    same = before.split() == before_said.split() and values is not None and values == values_said
    return "values" if same else None


def words_again(trajectory: Trajectory, example: Example, dialect: Dialect) -> Counter[Sameness | None]:
    """How the agent's turns of a trajectory, written in `dialect`, are those that it was read from."""
    turns = [message.content for message in example.messages if message.role == "assistant"]
    written = [
        each.content for each in to_example(trajectory, dialect).messages if each.role == "assistant"
    ]
    number = len(trajectory.steps)
    pairs = zip(written[-number:], turns[-number:], strict=True)
    return Counter(sameness(again, said) for again, said in pairs)


def _answer(text: str) -> tuple[str, list[str] | None]:
    """What stands before a final answer, and its values as texts; `None` where it is no JSON list."""
    before, found, values = text.rpartition(_ANSWER)
    try:
        items = parse_json(values.strip()) if found else None
    except ValueError:
        items = None
    if not isinstance(items, list):
        return before, None
    return before, [each if isinstance(each, str) else json.dumps(each) for each in items]
