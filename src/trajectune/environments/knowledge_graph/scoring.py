"""Scores of answers as AgentBench defines them for its knowledge graph (arXiv 2308.03688, `task.py`).

An answer and its gold are sets of values. F1 is the harmonic mean of precision and recall, 0 where nothing
is shared; exact match says that the sets are equal; an answer is executable if it has any value at all.
Over a suite each is the mean over *all* episodes: one that never answered counts as an empty answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Scores:
    """How good an answer, or the mean of several, is; each in [0, 1]."""

    f1: float
    exact_match: float
    executability: float


NOTHING = Scores(0.0, 0.0, 0.0)
"""The scores of an episode that ended without an answer."""


def score(predicted: Set[str], gold: Set[str]) -> Scores:
    """The scores of one answer."""
    shared = len(predicted & gold)
    f1 = 2 * shared / (len(predicted) + len(gold)) if shared else 0.0
    return Scores(f1, float(predicted == gold), float(bool(predicted)))


def mean(scores: Iterable[Scores]) -> Scores:
    """The means over episodes (all zero for none)."""
    found = list(scores)
    if not found:
        return NOTHING
    return Scores(
        sum(each.f1 for each in found) / len(found),
        sum(each.exact_match for each in found) / len(found),
        sum(each.executability for each in found) / len(found),
    )
