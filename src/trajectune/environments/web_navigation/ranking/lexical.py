"""The default ranker: words in common with the task, weighted by BM25 within the page.

The idea: what a task names (`the e-mail address`, `Oslo`) stands in the element, in its label or in its
row. A word counts the more, the fewer candidates of the page have it (Robertson and Zaragoza, The
Probabilistic Relevance Framework, 2009; k1 and b are its usual values). Fields and buttons get a small
bonus, so that among candidates without a word in common they come before links.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

from trajectune.environments.web_navigation.ranking.ranker import Ranker

K1, B = 1.2, 0.75
BONUS = {"input": 0.6, "select": 0.6, "textarea": 0.6, "button": 0.5}
"""By the tag, which a description begins with. Less than a rare word in common gives."""
_COMMON = """
a an the of to in on at for from with by and or is are be it its this that as into then i me my you your
please click type select
"""
COMMON = frozenset(_COMMON.split())
"""Words that say nothing."""
_WORD = re.compile(r"[^\W_]+")


class LexicalRanker(Ranker):
    """BM25 of a description, with the task as the query; what was done before does not count."""

    def scores(self, task: str, previous: Sequence[str], descriptions: Sequence[str]) -> list[float]:
        del previous
        return list(_scores(task, tuple(descriptions)))


@lru_cache(maxsize=256)
def _scores(task: str, descriptions: tuple[str, ...]) -> tuple[float, ...]:
    """Kept, since the agent, its expert and a page that is seen again ask for the same."""
    query = set(words(task))
    counts = [_counted(text) for text in descriptions]
    found = Counter(word for each, _ in counts for word in each if word in query)
    mean = sum(length for _, length in counts) / max(1, len(counts))
    weights = {w: math.log(1 + (len(counts) - n + 0.5) / (n + 0.5)) for w, n in found.items()}
    return tuple(
        _score(weights, each, length / max(mean, 1.0)) + BONUS.get(text.partition(" ")[0], 0.0)
        for (each, length), text in zip(counts, descriptions, strict=True)
    )


def _score(weights: dict[str, float], counts: Counter[str], length: float) -> float:
    penalty = K1 * (1 - B + B * length)
    return sum(
        weight * n * (K1 + 1) / (n + penalty) for word, weight in weights.items() if (n := counts[word])
    )


@lru_cache(maxsize=4096)
def _counted(text: str) -> tuple[Counter[str], int]:
    """How often each word stands in a description, and how many there are: a page is ranked many times."""
    found = words(text)
    return Counter(found), len(found)


def words(text: str) -> list[str]:
    """The words of a text in lower case, without plural endings and without those that say nothing."""
    return [_stem(word) for word in _WORD.findall(text.lower()) if word not in COMMON]


def _stem(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
