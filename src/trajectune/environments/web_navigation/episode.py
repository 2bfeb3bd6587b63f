"""One episode: questions about a page, an answer to each, and an act when a tournament is decided.

Invariants: whatever a call holds, it is answered (a wrong one with a fault, and the question stays open);
after the last page the episode is over and its result stays what it was; `judged` has one entry for each
act, in order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import cast

from pydantic import JsonValue

from trajectune.environments.answers import bad_arguments, unknown_tool
from trajectune.environments.contract import Episode, StepResult
from trajectune.environments.web_navigation.page.element import shortened
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.page.snippet import choice, snippet
from trajectune.environments.web_navigation.ranking.ranker import Ranker
from trajectune.environments.web_navigation.scoring import Judged, judge
from trajectune.environments.web_navigation.tournament import LETTERS, NONE, Tournament
from trajectune.environments.web_navigation.walk import OPERATIONS, Act, Operation, Walk
from trajectune.trajectory import Tool, ToolCall

TOOL = Tool(
    name="choose",
    description="Answer the question: pick an element and say what to do with it, or none of the above.",
    parameters={
        "type": "object",
        "properties": {
            "choice": {
                "type": "string",
                "enum": list(LETTERS),
                "description": "letter of the choice; A is none of the above",
            },
            "action": {"type": "string", "enum": list(OPERATIONS), "description": "left out with A"},
            "value": {"type": "string", "description": "what to type, or which option to select"},
        },
        "required": ["choice"],
    },
)
SHOWN_ACTIONS = 5
"""Previous actions in a question."""
MAX_TASK = 500
MAX_NOTE = 300
"""Characters. With a snippet, five choices and five previous actions they fit into an observation."""


class WebNavigationEpisode(Episode):
    """A walk over pages, decided question by question."""

    def __init__(self, walk: Walk, ranker: Ranker, top_k: int, seed: str) -> None:
        self.walk = walk
        self.judged: list[Judged] = []
        self._ranker = ranker
        self._top_k = top_k
        self._seed = seed
        self._asked = 0
        self._last: StepResult | None = None
        self._left: list[str] = []
        """Candidates of the page that were not asked about yet, the best first."""
        self._tournament = self._next_page()
        self._given: dict[str, Act] = {}
        """The act that was last given with each candidate."""
        self._observation = self._question()

    @property
    def observation(self) -> str:
        return self._observation

    @property
    def choices(self) -> Sequence[str]:
        """Keys of the candidates in the open question, from B on."""
        return self._tournament.choices

    def step(self, call: ToolCall) -> StepResult:
        if self._last is not None:
            return self._last
        if call.name != TOOL.name:
            return unknown_tool(call, [TOOL])
        chosen = self._read(call.arguments)
        return chosen if isinstance(chosen, StepResult) else self._decide(chosen)

    def close(self) -> None:
        """There is nothing to free."""

    def _read(self, arguments: Mapping[str, JsonValue]) -> Act | StepResult | None:
        """The act that a call means, `None` for none of the above, or what is wrong with it."""
        letter, action, value = (arguments.get(name) for name in ("choice", "action", "value"))
        if letter == NONE:
            return None
        if not isinstance(letter, str) or letter not in LETTERS[: len(self.choices) + 1] or not letter:
            return bad_arguments(f"choice must be a letter from A to {LETTERS[len(self.choices)]}.")
        if action not in OPERATIONS:
            return bad_arguments(f"action must be one of {', '.join(OPERATIONS)}.")
        if not isinstance(value, str | None) or (action == "CLICK" and value):
            return bad_arguments(
                "value must be the text to type or the option to select; a CLICK has none."
            )
        operation = cast("Operation", action)
        act = Act(self.choices[LETTERS.index(letter) - 1], operation, value or "")
        problem = self.walk.impossible(act)
        return bad_arguments(problem) if problem else act

    def _decide(self, act: Act | None) -> StepResult:
        place = None
        if act is not None:
            self._given[act.key] = act
            place = self.choices.index(act.key)
        if not self._tournament.choose(place):
            return self._ask("")
        winner = self._tournament.winner
        if winner is None and self.walk.asks_all:
            self._tournament = self._next_candidates()
            return self._ask("")
        return self._act(None if winner is None else self._given[winner])

    def _act(self, act: Act | None) -> StepResult:
        self.judged.append(judge(act, self.walk.wanted))
        turn = self.walk.take(act)
        if turn.done:
            self._last = StepResult(turn.note, done=True, reward=turn.reward)
            return self._last
        self._given = {}
        self._tournament = self._next_page()
        return self._ask(turn.note)

    def _ask(self, note: str) -> StepResult:
        return StepResult("\n\n".join(part for part in (note[:MAX_NOTE], self._question()) if part))

    def _next_page(self) -> Tournament:
        self._left = []
        return self._next_candidates()

    def _next_candidates(self) -> Tournament:
        """A tournament among the best candidates that were not refused yet; after the last, all again."""
        self._left = self._left or ranked(self.walk, self._ranker, self._top_k)
        keys, self._left = self._left[: self._top_k], self._left[self._top_k :]
        self._asked += 1
        return Tournament(keys, {act.key for act in self.walk.wanted}, f"{self._seed}/{self._asked}")

    def _question(self) -> str:
        shown, choices = _shown(self.walk.page, tuple(self.choices))
        done = "\n".join(self.walk.previous[-SHOWN_ACTIONS:]) or "None"
        return (
            f"'''\n{shown}\n'''\n\n"
            "This is the part of the page that holds the choices below. Carry on with the following task:\n"
            f"Task: {shortened(self.walk.task, MAX_TASK)}\nPrevious actions:\n{done}\n"
            "Which element comes next? (If it is not among the choices, answer A. 'None of the above'.)\n\n"
            f"{LETTERS[0]}. None of the above\n{choices}"
        )


def ranked(walk: Walk, ranker: Ranker, top_k: int) -> list[str]:
    """All candidates of a page, the best first; none that must be there is behind the first `top_k`."""
    keys = ranker.rank(walk.page, walk.task, walk.previous)
    forced = [key for key in keys[top_k:] if key in walk.forced]
    kept = [key for key in keys if key not in forced]
    place = max(0, top_k - len(forced))
    return kept[:place] + forced + kept[place:]


@lru_cache(maxsize=256)
def _shown(page: Page, choices: tuple[str, ...]) -> tuple[str, str]:
    """The part of a page and the lines of choices in a question."""
    elements = [page.candidates[key] for key in choices]
    lines = [f"{LETTERS[n + 1]}. {choice(element, n)}" for n, element in enumerate(elements)]
    return snippet(page, elements), "\n".join(lines)
