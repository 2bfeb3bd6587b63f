"""A walk over recorded pages: each step is judged alone, on the page that was recorded for it.

The idea is Mind2Web's teacher forcing (arXiv 2306.06070, section 4.1): whatever was chosen, the next
recorded page follows, and the previous actions are those of the record. The reward is the share of steps
that were right.

Invariant: a walk has as many acts as recorded steps, where none of the above for every candidate is an act
too, and a wrong one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.scoring import judge
from trajectune.environments.web_navigation.walk import Act, Turn, Walk


@dataclass(frozen=True, slots=True)
class RecordedStep:
    """One step of a record."""

    page: Callable[[], Page]
    """Reads the page; called when the step begins."""
    right: tuple[Act, ...]
    """The acts that count as right: one element as a rule, sometimes one of several. May be empty."""
    told: str
    """The act as later questions tell it."""


class RecordedWalk(Walk):
    """One pass over a record."""

    asks_all = False

    def __init__(self, task: str, steps: Sequence[RecordedStep], *, forced: bool = False) -> None:
        """`forced`: a right element is among the candidates, wherever it is ranked."""
        self.task = task
        self.previous = []
        self.page = steps[0].page()
        self._steps = steps
        self._forced = forced
        self._at = 0
        self._right = 0

    @property
    def wanted(self) -> Sequence[Act]:
        return self._steps[self._at].right

    @property
    def forced(self) -> frozenset[str]:
        return frozenset(act.key for act in self.wanted[:1]) if self._forced else frozenset()

    def impossible(self, act: Act) -> str:
        """Nothing is: the record has no page that an odd act would lead to, so it is simply wrong."""
        del act
        return ""

    def take(self, act: Act | None) -> Turn:
        self._right += judge(act, self.wanted).step
        self.previous.append(self._steps[self._at].told)
        self._at += 1
        if self._at == len(self._steps):
            return Turn(done=True, reward=self._right / len(self._steps))
        self.page = self._steps[self._at].page()
        return Turn()
