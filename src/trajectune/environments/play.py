"""Experts at play, one move at a time, for the checker (`trajectune.environments.check`).

The idea: what an expert sees is a list of observations; two such lists are equal exactly when two
episodes answered alike. Invariant: a play ends after `max_steps` moves, whatever the expert does.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trajectune.environments.contract import Environment, Episode, Expert, Move, StepResult, Task


@dataclass(slots=True)
class Play:
    """An expert on an episode."""

    episode: Episode
    expert: Expert
    moves_left: int
    observations: list[str] = field(default_factory=list)
    last: StepResult | None = None
    seen: str = ""

    def advance(self) -> tuple[Move, StepResult] | None:
        """The expert's next move and its result; `None` when the play is over."""
        if self.moves_left == 0 or (self.last is not None and self.last.done):
            return None
        try:
            move = next(self.expert) if self.last is None else self.expert.send(self.seen)
        except StopIteration:
            return None
        self.moves_left -= 1
        results = self._results(move)
        self.last = results[-1]
        self.seen = "\n\n".join(result.observation for result in results if result.observation)
        self.observations.append(self.seen)
        return move, self.last

    def _results(self, move: Move) -> list[StepResult]:
        if move.message is not None:
            return [self.episode.reply(move.message)]
        if not move.calls:
            raise ValueError("a move of the expert holds neither a call nor words to the user")
        return self.episode.steps(move.calls)


def start(environment: Environment, task: Task, seed: int) -> Play | None:
    """A fresh episode with its expert, or `None` when the environment has no expert."""
    episode = environment.open(task, seed)
    expert = environment.expert(task, episode.observation, seed)
    if expert is None:
        episode.close()
        return None
    return Play(episode, expert, environment.max_steps)


def run(environment: Environment, task: Task, seed: int) -> list[str]:
    """All that an expert sees from the first move to the last (nothing without an expert)."""
    play = start(environment, task, seed)
    if play is None:
        return []
    while play.advance() is not None:
        pass
    play.episode.close()
    return play.observations
