"""AgentBench's three metrics of played episodes: F1, exact match and executability.

The idea: a trajectory holds every call, and episodes are deterministic; so the calls are made once more,
and the answer is scored. The reward alone says F1, and exact match where it is 1; it does not say whether a
wrong answer had any value at all.

Invariant: every trajectory counts, also one that never answered, as in AgentBench; those that the
infrastructure broke say nothing and are left out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import get_args

from trajectune.environments.contract import Split
from trajectune.environments.knowledge_graph.environment import KnowledgeGraphEnvironment
from trajectune.environments.knowledge_graph.scoring import Scores, mean
from trajectune.errors import DataError
from trajectune.trajectory import Trajectory


def agentbench_scores(environment: KnowledgeGraphEnvironment, trajectories: Iterable[Trajectory]) -> Scores:
    """The mean scores of trajectories of this environment's tasks.

    `agentbench_scores(environment, played.trajectories()).executability`.

    Raises `DataError` for a trajectory of a task that the environment does not have.
    """
    tasks = {task.id: task for split in get_args(Split) for task in environment.tasks(split)}
    scores = []
    for each in trajectories:
        if each.outcome.is_infrastructure_error:
            continue
        if each.task not in tasks:
            raise DataError(
                f"There is no task {each.task!r} here.",
                where=f"trajectory {each.id}",
                remedy="build the environment with the options that it was played with",
            )
        episode = environment.open(tasks[each.task], each.seed)
        for step in each.steps:
            episode.steps(step.calls)
        scores.append(episode.scores)
        episode.close()
    return mean(scores)
