"""Mind2Web's three measures of an act (arXiv 2306.06070, section 4.1).

Element accuracy: was the element one of the right ones? Action F1: how far do operation and value agree,
as sets of words? Step success: is the element right and the F1 one?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from trajectune.environments.web_navigation.walk import Act


@dataclass(frozen=True, slots=True)
class Judged:
    """The measures of one act."""

    element: bool
    action_f1: float

    @property
    def step(self) -> bool:
        """Step success."""
        return self.element and self.action_f1 >= 1.0


@dataclass(frozen=True, slots=True)
class Measures:
    """Means over acts, each in [0, 1]."""

    element_accuracy: float
    action_f1: float
    step_success: float
    acts: int


def judge(act: Act | None, wanted: Sequence[Act]) -> Judged:
    """An act (`None`: none of the candidates) against those that would be right.

    Where several would be right, the one with the same element counts, or else the one with the best F1.
    """
    if act is None or not wanted:
        return Judged(False, 0.0)
    same = [right for right in wanted if right.key == act.key]
    best = max(action_f1(act.words, right.words) for right in same or wanted)
    return Judged(bool(same), best)


def action_f1(said: str, right: str) -> float:
    """F1 of the sets of words of two actions, such as `TYPE New York` and `TYPE York`."""
    a, b = set(said.split()), set(right.split())
    if not a or not b:
        return float(a == b)
    return 2 * len(a & b) / (len(a) + len(b))


def measures(judged: Sequence[Judged]) -> Measures:
    """The means; zeros where there is nothing to measure."""
    count = max(1, len(judged))
    return Measures(
        sum(each.element for each in judged) / count,
        sum(each.action_f1 for each in judged) / count,
        sum(each.step for each in judged) / count,
        len(judged),
    )
