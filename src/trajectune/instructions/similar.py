"""Near-duplicates among tasks, by the measure of Self-Instruct (arXiv 2212.10560, section 2.2).

The idea: ROUGE-L is the longest common subsequence of two lists of words, as a share of both: exactly what
rapidfuzz calls the normalized indel similarity of two sequences, and computes in compiled code. A task that
is as much like an earlier one as `LEAST` teaches nothing new.

Invariant: the first of several alike stays, so the order in which tasks come settles which one that is.
"""

from __future__ import annotations

import re

from rapidfuzz.distance import Indel

LEAST = 0.7
"""ROUGE-L from which two tasks are the same (Self-Instruct's value)."""
_WORD = re.compile(r"\w+")


class Pool:
    """The tasks that are there already."""

    def __init__(self) -> None:
        self._known: list[list[str]] = []

    def add(self, text: str) -> None:
        """Keep a task."""
        self._known.append(words(text))

    def nearest(self, text: str) -> float:
        """ROUGE-L of a text and the task that is most like it; 0 for an empty pool."""
        new = words(text)
        likeness = (Indel.normalized_similarity(new, old, score_cutoff=LEAST) for old in self._known)
        return max(likeness, default=0.0)

    def has(self, text: str) -> bool:
        """Whether a task like this one is there."""
        return self.nearest(text) >= LEAST


def words(text: str) -> list[str]:
    """The words of a text, without case and punctuation."""
    return _WORD.findall(text.lower())
