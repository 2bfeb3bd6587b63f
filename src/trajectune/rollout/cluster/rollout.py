"""A rollout whose episodes are played on a Ray cluster.

Invariants: as `trajectune.rollout.rollout`; for an agent whose replies follow from the conversation, the
set of trajectories equals that of one machine but for what the clock says, whatever nodes come and go.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from trajectune.environments.contract import Environment, Task
from trajectune.errors import RecipeError
from trajectune.progress import OnProgress, silent
from trajectune.rollout.cluster.connection import connected
from trajectune.rollout.cluster.crew import ClusterCrew
from trajectune.rollout.cluster.part import Part, UnbuiltAgent, agent_class
from trajectune.rollout.rollout import RolloutResult, gather, jobs_of
from trajectune.rollout.spending import Spending
from trajectune.trajectory import Trajectory

_log = logging.getLogger(__name__)


def rollout_on_cluster(
    address: str,
    environment: Environment,
    tasks: Sequence[Task],
    agent: UnbuiltAgent | None,
    dialect: str,
    path: Path,
    *,
    attempts: int = 1,
    seed: int = 0,
    source: str = "",
    bad_format_limit: int = 1,
    repetition_limit: int | None = None,
    history_limit: int | None = None,
    tries: int = 3,
    threshold: float | None = None,
    spending: Spending | None = None,
    on_progress: OnProgress = silent,
    on_notice: Callable[[str], None] = _log.warning,
) -> RolloutResult:
    """Run `attempts` episodes of each task on the cluster at `address` (`connected`), as `rollout` does.

    `agent` is a class with its arguments, built by every process that plays; `None` is the environment's
    expert. `on_notice` is told of nodes that die and of what the nodes warn of; any thread may call it.
    `spending` is told of an episode when it has ended: the budget is exceeded by what is being played then.
    Raises as `rollout`, `RecipeError` for an environment that was built by hand, and `UnavailableError` for
    a cluster that does not answer and for nodes that lack something.
    """
    if environment.origin is None:
        raise RecipeError(
            f"the environment {environment.name!r} was built by hand: a cluster cannot build it again",
            remedy='build it by its name: environment("package.module:Class", option=…)',
        )
    if agent is not None:
        agent_class(agent)
    name, options = environment.origin
    part = Part(name, options, agent, dialect, bad_format_limit, repetition_limit, tries, history_limit)
    source = source or environment.name

    def told(trajectory: Trajectory) -> bool:
        """Whether the budget is reached with what an episode took; its replies were made elsewhere."""
        if spending is None:
            return False
        judged = trajectory.reward is not None and agent is not None
        spending.add(source, trajectory.usage, answered=judged)
        return spending.reached

    with connected(address):
        return gather(
            jobs_of(source, tasks, attempts, seed),
            lambda todo: ClusterCrew(part, environment, todo, on_notice, told),
            path,
            what=environment.name,
            threshold=environment.reward_threshold if threshold is None else threshold,
            spending=spending,
            on_progress=on_progress,
        )
