"""What is to be run, and under which rules; the record of an episode that could not be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from trajectune.dialects.contract import Dialect
from trajectune.environments.contract import Environment, Task
from trajectune.trajectory import Outcome, Trajectory, Usage


@dataclass(frozen=True, slots=True)
class Job:
    """An episode to be run."""

    id: str
    """Of the trajectory: `source/task/seed`."""
    task: Task
    seed: int
    attempt: int = 0
    tries: int = 0
    """How often the infrastructure failed at it in this run."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What all episodes of a rollout have in common."""

    environment: Environment
    dialect: Dialect
    agent: str
    template: str
    """See `Agent.template`."""
    max_steps: int
    bad_format_limit: int
    repetition_limit: int | None = None
    history_limit: int | None = None
    """Segments of the conversation that the agent is shown (`trajectune.history`)."""
    source: str = ""
    """What ids of trajectories begin with."""


def broken(job: Job, rules: Rules, outcome: Outcome, error: str, usage: Usage) -> Trajectory:
    """The record of an episode whose infrastructure failed once too often."""
    return Trajectory(
        **described(job, rules), instruction="", observation="", outcome=outcome, error=error, usage=usage
    )


def described(job: Job, rules: Rules) -> dict[str, Any]:
    """The fields of a trajectory that are known before it is run."""
    return {
        "id": job.id,
        "environment": rules.environment.name,
        "task": job.task.id,
        "kind": job.task.kind,
        "split": job.task.split,
        "seed": job.seed,
        "attempt": job.attempt,
        "agent": rules.agent,
    }
