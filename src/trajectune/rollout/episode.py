"""One episode being played: the environment on one side, the conversation on the other.

The idea: `EpisodeRun` takes the agent's replies one by one and ends as a `Trajectory`. It reads the reply
with the dialect, checks the call against the tools, lets the environment answer, and writes down both.

Invariants: an exception that leaves a method is the infrastructure's (the caller decides to try again);
everything an agent may do wrong is a step with a fault. The conversation only grows.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from trajectune.agents.contract import AgentReply, Conversation
from trajectune.dialects.contract import Dialect, Reading
from trajectune.dialects.conversation import opening
from trajectune.environments.contract import Environment, StepResult, Task
from trajectune.example import Message
from trajectune.rollout.arguments import check_call
from trajectune.trajectory import Fault, Outcome, Step, ToolCall, Trajectory, Usage


@dataclass(frozen=True, slots=True)
class Job:
    """An episode to be played."""

    id: str
    """Of the trajectory: `environment/task/seed`."""
    task: Task
    seed: int
    tries: int = 0
    """How often the infrastructure failed at it in this run."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What all episodes of a rollout have in common."""

    environment: Environment
    dialect: Dialect
    agent: str
    max_steps: int
    bad_format_limit: int
    repetition_limit: int | None = None


class EpisodeRun:
    """An open episode. Opened, stepped and closed by one thread."""

    def __init__(self, job: Job, rules: Rules) -> None:
        """Open the episode; what the environment raises is passed on."""
        self.job = job
        self._rules = rules
        self._started = time.perf_counter()
        self._episode = rules.environment.open(job.task, job.seed)
        self._instruction = rules.environment.instruction(job.task)
        self._problem = self._observation = self._episode.observation
        self._messages = opening(rules.dialect, self._instruction, rules.environment.tools, self._problem)
        self._steps: list[Step] = []
        self._usage = Usage()
        self._wrong_in_a_row = 0
        self._repeated_in_a_row = 0
        self._wrote = False

    @property
    def conversation_id(self) -> str:
        """Another one for each try, so that no agent goes on from the state of a broken one."""
        return f"{self.job.id}#{self.job.tries}"

    @property
    def usage(self) -> Usage:
        """What the agent has spent so far."""
        return self._usage

    def conversation(self) -> Conversation:
        """The episode as the agent sees it."""
        return Conversation(
            id=self.conversation_id,
            messages=tuple(self._messages),
            task=self.job.task,
            observation=self._observation,
            seed=self.job.seed,
            stop=self._rules.dialect.stop,
        )

    def take(self, reply: AgentReply) -> Trajectory | None:
        """Carry out what the agent said; gives the trajectory when the episode is over."""
        self._usage += reply.usage
        if reply.finish == "context":
            return self._end(Outcome.CONTEXT_LIMIT)
        reading, trained = self._read(reply)
        result = self._answer(reading)
        repeated = not result.done and self._repeats(reading.call, result)
        self._repeated_in_a_row = self._repeated_in_a_row + 1 if repeated else 0
        fault = result.fault or (Fault.REPETITION if repeated else None)
        self._steps.append(
            Step(
                thought=reading.thought,
                call=reading.call,
                observation="" if result.done else result.observation,
                reply=reply.text if reply.move is None else None,
                fault=fault,
                trained=trained,
            )
        )
        if result.done:
            # An environment that ends because the agent goes round in circles was not solved to its end.
            looped = fault is Fault.REPETITION
            return self._end(Outcome.BAD_ACTION if looped else Outcome.COMPLETED, result.reward)
        self._say(reply.text, result.observation)
        return self._limits(fault)

    def close(self) -> None:
        """Free what the environment holds."""
        self._episode.close()

    def _read(self, reply: AgentReply) -> tuple[Reading, bool]:
        if reply.move is not None:
            return Reading(reply.move.thought, reply.move.call), reply.move.trained
        self._wrote = True
        return self._rules.dialect.parse(reply.text), True

    def _answer(self, reading: Reading) -> StepResult:
        """The environment's answer, or ours where the environment has nothing to answer to."""
        if reading.call is None:
            self._wrong_in_a_row += 1
            return StepResult(reading.detail, fault=reading.fault)
        wrong = check_call(reading.call, self._rules.environment.tools)
        if wrong is not None:
            self._wrong_in_a_row += 1
            return StepResult(wrong[1], fault=wrong[0])
        self._wrong_in_a_row = 0
        return self._episode.step(reading.call)

    def _repeats(self, call: ToolCall | None, result: StepResult) -> bool:
        """The same call as before with the same answer: nothing was learnt and nothing changed."""
        last = self._steps[-1] if self._steps else None
        return (
            last is not None
            and call is not None
            and (last.call, last.observation) == (call, result.observation)
        )

    def _say(self, text: str, observation: str) -> None:
        self._observation = observation
        self._messages.append(Message(role="assistant", content=text))
        self._messages.append(Message(role="user", content=self._rules.dialect.observe(observation)))

    def _limits(self, fault: Fault | None) -> Trajectory | None:
        if self._repeated_in_a_row == self._rules.repetition_limit:
            return self._end(Outcome.BAD_ACTION)
        if self._wrong_in_a_row >= self._rules.bad_format_limit:
            unreadable = fault in (Fault.BAD_FORMAT, Fault.REFUSAL)
            return self._end(Outcome.BAD_FORMAT if unreadable else Outcome.BAD_ACTION)
        if len(self._steps) >= self._rules.max_steps:
            return self._end(Outcome.STEP_LIMIT)
        return None

    def _end(self, outcome: Outcome, reward: float = 0.0) -> Trajectory:
        return Trajectory(
            **described(self.job, self._rules),
            instruction=self._instruction,
            dialect=self._rules.dialect.name if self._wrote else "",
            observation=self._problem,
            steps=self._steps,
            reward=reward,
            outcome=outcome,
            usage=self._usage,
            metadata={"seconds": round(time.perf_counter() - self._started, 3)},
        )


def broken(job: Job, rules: Rules, outcome: Outcome, error: str, usage: Usage) -> Trajectory:
    """The record of an episode whose infrastructure failed once too often."""
    return Trajectory(
        **described(job, rules), instruction="", observation="", outcome=outcome, error=error, usage=usage
    )


def described(job: Job, rules: Rules) -> dict[str, Any]:
    """The fields of a trajectory that are known before it is played."""
    return {
        "id": job.id,
        "environment": rules.environment.name,
        "task": job.task.id,
        "kind": job.task.kind,
        "split": job.task.split,
        "seed": job.seed,
        "agent": rules.agent,
        "tools": list(rules.environment.tools),
    }
