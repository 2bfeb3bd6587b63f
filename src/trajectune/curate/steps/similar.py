"""Which examples are nearly the same: MinHash finds candidates, the words themselves decide.

The idea: two examples are nearly the same where both what they ask and what they answer are. Each side is
a set of runs of `RUN` words, compared by its Jaccard similarity (runs in both, of runs in either). Rules
that all rows of an environment begin with make the first side alike in every pair; so both sides have to
be, and the less alike one counts. MinHash with bands (rensa) gives the earlier examples that are worth a
comparison.

Invariants: an example that is found similar is so, exactly; one that is similar is missed with a chance
below `MISSED` a side. Memory grows with the examples that were new.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from rensa import RMinHash, RMinHashLSH  # pyright: ignore[reportAttributeAccessIssue] - has no stubs

from trajectune.curate.contamination.hashing import Numbers, stretch_numbers
from trajectune.curate.contamination.tokens import Words
from trajectune.example import Example, Message

RUN = 5
"""Words of a run; a shorter text is one run."""
MISSED = 1e-3
_PERMUTATIONS = 128
_SEED = 1


@dataclass(frozen=True, slots=True)
class _Side:
    """The questions, or the answers, of an example."""

    runs: Numbers
    sketch: RMinHash


class Similar:
    """The examples that are new so far."""

    def __init__(self, similarity: float) -> None:
        self._similarity = similarity
        bands = _bands(similarity)
        self._tables = [RMinHashLSH(similarity, _PERMUTATIONS, bands) for _ in range(2)]
        self._new: list[list[_Side]] = []

    def is_new(self, example: Example) -> bool:
        """Whether no new example before it is similar; then it is one of them."""
        sides = [
            _side([_words(m) for m in example.messages if m.trained is trained])
            for trained in (True, False)
        ]
        found = [set(table.query(side.sketch)) for table, side in zip(self._tables, sides, strict=True)]
        if any(self._alike(sides, self._new[number]) for number in found[0] & found[1]):
            return False
        for table, side in zip(self._tables, sides, strict=True):
            table.insert(len(self._new), side.sketch)
        self._new.append(sides)
        return True

    def _alike(self, ours: Sequence[_Side], theirs: Sequence[_Side]) -> bool:
        pairs = zip(ours, theirs, strict=True)
        return all(jaccard(a.runs, b.runs) >= self._similarity for a, b in pairs)


def jaccard(ours: Numbers, theirs: Numbers) -> float:
    """Elements in both sets (sorted, each once) as a share of those in either; two empty ones are equal."""
    both = len(np.intersect1d(ours, theirs, assume_unique=True))
    either = len(ours) + len(theirs) - both
    return both / either if either else 1.0


def runs(texts: Sequence[str]) -> Numbers:
    """The runs of words of some texts as a sorted set of numbers; none crosses from text to text."""
    tokens = Words().encode(texts)
    sizes = np.diff(tokens.offsets)
    size = np.repeat(np.minimum(sizes, RUN), sizes)
    here = np.arange(len(tokens.ids))
    places = np.flatnonzero(here + size <= tokens.ends)
    return np.unique(stretch_numbers(tokens.ids, places, places + size[places]))


def _side(texts: Sequence[str]) -> _Side:
    found = runs(texts)
    sketch = RMinHash(_PERMUTATIONS, _SEED)
    sketch.update([str(number) for number in found.tolist()] or ["nothing"])
    return _Side(found, sketch)


def _words(message: Message) -> str:
    calls = [f"{call.name} {json.dumps(call.arguments, sort_keys=True)}" for call in message.tool_calls]
    return "\n".join([message.reasoning, message.content, *calls])


def _bands(similarity: float) -> int:
    """As few bands as find a pair of just this similarity but for a chance of `MISSED`.

    A band of r permutations agrees with probability s^r, so all b differ with (1 - s^r)^b.
    """
    bands = 1
    while bands < _PERMUTATIONS and (1 - similarity ** (_PERMUTATIONS // bands)) ** bands > MISSED:
        bands *= 2
    return bands
