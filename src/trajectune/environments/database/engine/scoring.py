"""Right or wrong, by the rules of AgentBench's database environment.

The idea: a question is answered by values, a change by the state it leaves. One answer is compared as
a number if both sides are numbers, else as text; several are compared as sets. A change is compared
row by row with what the gold statement makes of a fresh copy, the order of rows left out
(AgentBench compares hashes of the same rows).

Normal form (`plain_answer`), in which everything is compared: surrounding white space and quotes go,
`7`, `7.0` and `7.` are one number, and an empty text, `none` and `null` in any case are one value.

Source: AgentBench (arXiv 2308.03688), appendix on the database environment.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from trajectune.environments.database.engine.image import same_state
from trajectune.environments.database.engine.sandbox import Sandbox


def plain_answer(value: str) -> str | float:
    """The normal form of one answer."""
    text = value.strip()
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "'\"":
        text = text[1:-1].strip()
    if text.lower() in ("", "none", "null"):
        return "none"
    try:
        number = float(text)
    except ValueError:
        return text
    return number if math.isfinite(number) else text


def answers_match(given: Sequence[str], expected: Sequence[str]) -> bool:
    """Whether the committed values are the expected ones."""
    if len(given) == len(expected) == 1:
        return _same(plain_answer(given[0]), plain_answer(expected[0]))
    left, right = {plain_answer(v) for v in given}, {plain_answer(v) for v in expected}
    return _all_in(left - right, right) and _all_in(right - left, left)


def states_match(left: Sandbox, right: Sandbox) -> bool:
    """Whether two databases hold the same rows in the same tables, in any order."""
    return same_state(left.image, right.image)


def _all_in(values: set[str | float], others: set[str | float]) -> bool:
    return all(any(_same(value, other) for other in others) for value in values)


def _same(left: str | float, right: str | float) -> bool:
    if isinstance(left, float) and isinstance(right, float):
        return math.isclose(left, right, rel_tol=1e-6, abs_tol=1e-9)
    return left == right
