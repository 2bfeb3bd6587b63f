"""The admissible command nearest to a wrong one, by BLEU: AgentBench's rule for ALFWorld.

AgentBench (and with it AgentTuning's evaluation) replaces a command that is not admissible by the
admissible one with the highest sentence BLEU, if that is above 0.01. BLEU here is that of Papineni et
al. (2002), up to 4-grams, one reference, with smoothing method 4 of Chen and Cherry (2014, section 3),
whose constant is 5.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

THRESHOLD = 0.01
MAX_ORDER = 4
SMOOTHING = 5
MAX_WORDS = 50
"""Words of a command that are compared; no admissible command has more than ten."""


def nearest(command: str, admissible: Sequence[str]) -> str | None:
    """The admissible command most like `command` (the first of equals), or `None` if none is like it."""
    words = command.split()[:MAX_WORDS]
    best = max(admissible, key=lambda choice: bleu(choice.split(), words), default=None)
    return best if best is not None and bleu(best.split(), words) > THRESHOLD else None


def bleu(reference: Sequence[str], candidate: Sequence[str]) -> float:
    """Sentence BLEU of `candidate` in [0, 1]; 0 when no word is shared."""
    length = len(candidate)
    matches = [_matches(reference, candidate, order) for order in range(1, MAX_ORDER + 1)]
    if not length or not matches[0]:
        return 0.0
    score, misses = 0.0, 0
    for order, match in enumerate(matches, start=1):
        value = float(match)
        if not match and length > 1:
            misses += 1
            value = math.log(length) / (2**misses * SMOOTHING)
        if value:
            score += math.log(value / max(1, length - order + 1)) / MAX_ORDER
    brevity = min(0.0, 1 - len(reference) / length)
    return math.exp(score + brevity)


def _matches(reference: Sequence[str], candidate: Sequence[str], order: int) -> int:
    return sum((_grams(reference, order) & _grams(candidate, order)).values())


def _grams(words: Sequence[str], order: int) -> Counter[tuple[str, ...]]:
    return Counter(tuple(words[i : i + order]) for i in range(len(words) - order + 1))
