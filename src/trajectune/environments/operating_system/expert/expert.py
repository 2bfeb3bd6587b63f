"""The expert: looks, acts, checks, and answers with what it has read.

The idea: a problem's stages are the commands of its solution. The seed chooses which of the looks are
made, which words are said, and whether the episode begins with a mistake and its repair. The answer is
what the last command has printed: the expert knows which commands to give, and reads the rest as any agent
does.

Invariant: without a mistake every move is taught; the mistake itself never is.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from trajectune.environments.contract import Expert, Move
from trajectune.environments.operating_system.expert.mistakes import mistake
from trajectune.environments.operating_system.observation import SENTENCE
from trajectune.environments.operating_system.tasks.problem import Problem, Stage
from trajectune.trajectory import ToolCall

ANSWER = (
    "The output is {v}, which is the answer.",
    "It printed {v}. That answers the question.",
    "So the answer is {v}.",
    "That is what was asked for: {v}.",
    "I have the answer now: {v}.",
)
LONG = ("The output answers the question.", "That is what was asked for.", "I have the answer now.")
FINISH = (
    "The change is made and nothing is left to do.",
    "Everything that was asked for is done.",
    "That was all; the task is finished.",
    "No error, and the result is what was wanted, so I finish.",
    "The task is done.",
)


@dataclass(frozen=True, slots=True)
class Routes:
    """How often an episode holds a mistake and its repair, and how often each look is made."""

    repair: float = 0.12
    look: float = 0.6


def expert(problem: Problem, seed: str, routes: Routes) -> Expert | None:
    """A solver; `None` for a problem without a known solution."""
    return _solve(problem, Random(seed), routes) if problem.stages else None


def _solve(problem: Problem, rng: Random, routes: Routes) -> Expert:
    seen = ""
    stages = [stage for stage in problem.stages if not stage.look or rng.random() < routes.look]
    wrong = mistake(rng, stages) if rng.random() < routes.repair else None
    for stage in stages:
        if wrong is not None and stage is wrong.stage:
            yield _move(_thought(rng, stage), wrong.script, trained=False)
            seen = yield _move(f"{rng.choice(wrong.said)} {_thought(rng, stage)}", stage.script)
        else:
            seen = yield _move(_thought(rng, stage), stage.script)
    if not problem.check and not problem.scripts:
        yield Move(rng.choice(FINISH), ToolCall(name="finish_action"))
        return
    value = answer_in(seen)
    yield Move(committing(rng, value), ToolCall(name="answer_action", arguments={"answer": value}))


def answer_in(observation: str) -> str:
    """What a command printed, from the observation."""
    return observation.removeprefix(SENTENCE).strip()


def committing(rng: Random, value: str) -> str:
    """The thought before an answer."""
    short = len(value) < 40 and "\n" not in value
    return rng.choice(ANSWER if short else LONG).format(v=value)


def _thought(rng: Random, stage: Stage) -> str:
    return rng.choice(stage.thoughts)


def _move(thought: str, script: str, trained: bool = True) -> Move:
    return Move(thought, ToolCall(name="bash_action", arguments={"script": script}), trained=trained)
