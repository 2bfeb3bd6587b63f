"""Which elements of a page come into question: the first of Mind2Web's two stages.

The idea: a page has tens to hundreds of candidates, and a question shows five. A ranker scores every
candidate against the task and what was done so far; the best `top_k` are asked about. Mind2Web trains a
cross-encoder for it (arXiv 2306.06070, section 3.1); without one, words in common serve.

Invariant: equal inputs give equal scores; candidates with equal scores keep the order of the page.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

from trajectune.environments.web_navigation.page.page import Page


class Ranker(ABC):
    """Scores descriptions against a query."""

    @abstractmethod
    def scores(self, task: str, previous: Sequence[str], descriptions: Sequence[str]) -> list[float]:
        """How well each description fits the task after the previous actions; higher is better."""

    def rank(self, page: Page, task: str, previous: Sequence[str]) -> list[str]:
        """Keys of all candidates of a page, the best first."""
        scored = self.scores(task, previous, page.descriptions)
        pairs = zip(page.candidates, scored, strict=True)
        return [key for key, _ in sorted(pairs, key=lambda pair: -pair[1])]


def recall_at(ranks: Sequence[int], k: int) -> float:
    """The share of targets among the first `k` (`ranks` count from 0)."""
    return sum(rank < k for rank in ranks) / len(ranks) if ranks else 0.0
