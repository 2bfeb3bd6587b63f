"""The second stage of Mind2Web: five candidates a question, the chosen ones meet again, one is left.

The idea (arXiv 2306.06070, section 3.2, as AgentBench plays it): candidates stand in a queue. A question
takes the first five; the one that is chosen goes to the end of the queue, all go where none of the above is
right. The last one left is acted on, with the operation that was given when it was last chosen.

Two things differ from AgentBench, against agents that know nothing. Choices stand in an order drawn for
each question, not in the order of the page. And when chosen elements come up again, each gets another
letter than the one that chose it, the right one first: so an agent that says the same letter every time
cannot carry the right element through a tournament of more than one question.

Invariant: equal candidates, seeds and answers give equal questions.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import permutations
from random import Random

SIZE = 5
"""Candidates in one question."""
NONE = "A"
LETTERS = tuple("ABCDEF")


class Tournament:
    """One decision among candidates. `choices` are those of the question that is open now."""

    def __init__(self, keys: Sequence[str], wanted: Collection[str], seed: str) -> None:
        """`keys`: at least one candidate. `wanted`: those that would be right."""
        self._rng = Random(seed)
        self._wanted = wanted
        self._letters: dict[str, int] = {}
        """Place of each candidate in the question in which it was last chosen."""
        self._said = -1
        """The place that was last chosen."""
        self._queue = list(keys)
        self._rng.shuffle(self._queue)
        self.choices: list[str] = []
        self._ask()

    def choose(self, place: int | None) -> bool:
        """Answer the open question with a place in `choices`, or `None`. True when all is decided."""
        if place is not None:
            key = self.choices[place]
            self._letters[key] = self._said = place
            self._queue.append(key)
        if len(self._queue) > 1 or (self._queue and self._queue[0] not in self._letters):
            self._ask()
            return False
        return True

    @property
    def winner(self) -> str | None:
        """The candidate that is left; `None` where all were refused."""
        return self._queue[0] if self._queue else None

    def _ask(self) -> None:
        asked, self._queue = self._queue[:SIZE], self._queue[SIZE:]
        self._rng.shuffle(asked)
        if any(key in self._letters for key in asked):
            asked = min(permutations(asked), key=self._standing_still)  # the first of the best
        self.choices = list(asked)

    def _standing_still(self, asked: Sequence[str]) -> tuple[int, int]:
        """How many stand under the letter that chose them: of the right ones, which count first; of all.

        For one that was not asked about before, that letter is the one that was said last.
        """
        still = [key for place, key in enumerate(asked) if self._letters.get(key, self._said) == place]
        return sum(key in self._wanted for key in still), len(still)
