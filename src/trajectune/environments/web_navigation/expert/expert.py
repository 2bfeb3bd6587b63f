"""The expert: it answers each question with a right act that is among the choices, or with none.

The idea: it plays an episode of its own beside the agent's, which is in the same state because nothing in
an episode is random. What is right it knows from the walk; what it thinks is said from the task and from
what the question shows.

Routes, chosen by the seed: which of several right acts goes first, and, for a share of the episodes on
living sites, one wrong link first (shown and not trained) and the way back.

Invariant: an expert exists exactly where the tasks' right acts can all be reached.
"""

from __future__ import annotations

from random import Random

from trajectune.environments.contract import Expert, Move
from trajectune.environments.web_navigation.episode import TOOL, WebNavigationEpisode, ranked
from trajectune.environments.web_navigation.expert.thoughts import Thoughts
from trajectune.environments.web_navigation.ranking.ranker import Ranker
from trajectune.environments.web_navigation.tournament import LETTERS, NONE
from trajectune.environments.web_navigation.walk import Act, Walk
from trajectune.trajectory import ToolCall

OTHER_ORDER = 0.3
"""The share of questions with several right acts in which another than the first is taken."""


def earns(walk: Walk, ranker: Ranker, top_k: int) -> bool:
    """Whether a right act can be reached in every step of a walk, which is used up by this."""
    done = walk.asks_all  # where all candidates are asked about in the end, nothing is out of reach
    while not done:
        asked = ranked(walk, ranker, top_k)[:top_k]
        if not any(act.key in asked for act in walk.wanted):
            return False
        done = walk.take(None).done
    return True


def expert(own: WebNavigationEpisode, seed: str, stray: float) -> Expert:
    """Moves that solve a task; `own` is an episode of it that nobody else plays."""
    rng = Random(seed)
    player = _Player(own, rng, rng.random() < stray)
    done = False
    while not done:
        move, call = player.move()
        yield move
        done = own.step(call).done


class _Player:
    """Decides question by question."""

    def __init__(self, episode: WebNavigationEpisode, rng: Random, strays: bool) -> None:
        self._episode = episode
        self._rng = rng
        self._thoughts = Thoughts(rng)
        self._strays = strays
        """Whether a wrong link is still to be taken."""

    def move(self) -> tuple[Move, ToolCall]:
        episode = self._episode
        lost = bool(episode.judged) and not episode.judged[-1].step
        self._strays = self._strays and not lost
        wrong = self._wrong() if self._strays else None
        act = wrong or self._right()
        call = _call(act, episode)
        wanted = episode.walk.wanted[0]
        thought = self._thoughts.say(episode.walk, act, wanted, lost=lost)
        return Move(thought, call, trained=wrong is None), call

    def _right(self) -> Act | None:
        """A right act among the choices."""
        choices = self._episode.choices
        right = [act for act in self._episode.walk.wanted if act.key in choices]
        if not right:
            return None
        return self._rng.choice(right) if self._rng.random() < OTHER_ORDER else right[0]

    def _wrong(self) -> Act | None:
        """A link among the choices that only leads astray."""
        walk = self._episode.walk
        right = {act.key for act in walk.wanted}
        astray = [key for key in self._episode.choices if key not in right and walk.harmless(key)]
        return Act(self._rng.choice(astray), "CLICK") if astray else None


def _call(act: Act | None, episode: WebNavigationEpisode) -> ToolCall:
    if act is None:
        return ToolCall(name=TOOL.name, arguments={"choice": NONE})
    letter = LETTERS[list(episode.choices).index(act.key) + 1]
    value = {"value": act.value} if act.value else {}
    return ToolCall(name=TOOL.name, arguments={"choice": letter, "action": act.operation, **value})
