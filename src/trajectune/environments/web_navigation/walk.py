"""What a tournament is played over: a page, what may come next there, and what an act does.

The idea: a page that was recorded and a page that lives differ in what follows an act. On a `Walk` of
recorded pages every act leads to the next recorded page, right or wrong (teacher forcing, as in Mind2Web);
on a living site an act changes the site and nothing else happens. Questions, ranking and scoring are the
same.

Invariant: `wanted` is what would be right now; it is shown to nobody but the expert, the scores and the
order of choices.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

from trajectune.environments.web_navigation.page.element import shortened, tidy
from trajectune.environments.web_navigation.page.page import Page, role

Operation = Literal["CLICK", "SELECT", "TYPE"]
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
MAX_DONE_WORDS = 10
MAX_DONE = 100
"""Words of an element and characters of a line in the list of previous actions."""


@dataclass(frozen=True, slots=True)
class Act:
    """An element by its key, and what is done to it."""

    key: str
    operation: Operation
    value: str = ""
    """What is typed or selected; empty for a click."""

    @property
    def words(self) -> str:
        """Operation and value as one text, which action F1 compares."""
        return f"{self.operation} {self.value}".strip()


@dataclass(frozen=True, slots=True)
class Turn:
    """What an act led to."""

    note: str = ""
    """Told to the agent before the next question."""
    done: bool = False
    reward: float = 0.0


class Walk(ABC):
    """The pages of one episode."""

    task: str
    """What the user wants."""
    page: Page
    """What is seen now."""
    previous: list[str]
    """What was done, as it is told to the agent."""
    asks_all: bool
    """Whether more candidates are asked about when all of the best were refused."""

    @property
    @abstractmethod
    def wanted(self) -> Sequence[Act]:
        """The acts that would be right now, the most natural first."""

    @abstractmethod
    def impossible(self, act: Act) -> str:
        """Why the page cannot take an act; empty where it can."""

    @abstractmethod
    def take(self, act: Act | None) -> Turn:
        """Carry out an act that is possible; `None`: the agent wants none of the candidates."""

    def harmless(self, key: str) -> bool:
        """Whether a click there only leads elsewhere, from where there is a way back."""
        del key
        return False

    @property
    def forced(self) -> frozenset[str]:
        """Keys that a ranking must not leave out."""
        return frozenset()


def told(page: Page, act: Act) -> str:
    """An act as the list of previous actions has it: `[button] Save -> CLICK`, as Mind2Web writes it."""
    element = page.candidates[act.key]
    words = " ".join(page.name(element).split()[:MAX_DONE_WORDS])
    value = f": {shortened(tidy(act.value), MAX_DONE // 2)}" if act.value else ""
    return f"[{role(element)}] {shortened(words, MAX_DONE // 2)} -> {act.operation}{value}"
