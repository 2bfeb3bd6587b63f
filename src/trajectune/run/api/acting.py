"""Environments, agents and rollouts: `environment`, `Expert`, `Local`, `Endpoint`, `rollout`, `Played`."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from trajectune.agents.contract import Agent
from trajectune.agents.expert import ExpertAgent
from trajectune.agents.guided import GuidedAgent
from trajectune.curate.funnel import FunnelRow
from trajectune.curate.sift import sift
from trajectune.curate.steps.contract import Context, CurateStep
from trajectune.curate.steps.filter import Filter, FilterOptions
from trajectune.dialects.conversation import to_example
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Environment, Split, Task
from trajectune.environments.registry import load_environment
from trajectune.errors import DataError, RecipeError
from trajectune.example import Example
from trajectune.progress import OnProgress
from trajectune.rollout.cluster.part import UnbuiltAgent
from trajectune.rollout.cluster.rollout import rollout_on_cluster
from trajectune.rollout.rollout import rollout as play
from trajectune.rollout.spending import Spending
from trajectune.run.api.rejections import Rejections, told
from trajectune.run.display import shown
from trajectune.storage import locked, read_records
from trajectune.trajectory import Trajectory

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Expert:
    """The environment's own solver as an agent: `rollout(db, Expert(), to="played.jsonl")`."""

    def agent(self, environment: Environment) -> Agent:
        """The agent that asks this environment. Raises `RecipeError` where it has no expert."""
        return ExpertAgent(environment)


@dataclass(frozen=True, slots=True)
class Guided:
    """The environment's own solver in a model's words: `rollout(db, Guided(Endpoint(…)), to=…)`."""

    teacher: Agent
    counts: Counter[str] = field(default_factory=Counter)
    """Thoughts by where they come from, over all rollouts."""

    def agent(self, environment: Environment) -> GuidedAgent:
        """The agent that asks this environment. Raises `RecipeError` where it has no expert."""
        return GuidedAgent(environment, self.teacher, self.counts)


@dataclass(frozen=True)
class Played:
    """Trajectories of one environment in a file: `played.keep(per_task=1).examples()`."""

    path: Path
    environment: Environment
    dialect: str
    source: str
    """What the examples are called after."""
    threshold: float
    """Reward from which an episode is a success."""
    funnel: FunnelRow | None = None
    """How many came through, after `keep`."""
    rejections: Rejections = field(default_factory=list)
    """Rows that a step of `keep` or `examples` could not use, with the reason."""

    def trajectories(self) -> list[Trajectory]:
        """All trajectories of the file; rows that cannot be read are in the log."""
        return list(read_records(self.path, Trajectory))

    def keep(
        self, per_task: int = 1, steps: Sequence[CurateStep[Trajectory]] | None = None, to: str | Path = ""
    ) -> Played:
        """What is worth learning: successes, `per_task` of each task; `steps` replaces this filter.

        Written to `to`, or beside the file as `*.kept.jsonl`.
        """
        if steps is None:
            steps = [Filter(FilterOptions(per_task=per_task))]
        kept = Path(to) if to else self.path.with_suffix(".kept.jsonl")
        row = sift(self.path, kept, steps, Context(source=self.source, threshold=self.threshold))
        return replace(self, path=kept, funnel=row)

    def examples(self, dialect: str = "") -> list[Example]:
        """The trajectories as conversations in `dialect` (the one of the rollout if empty).

        What the dialect cannot write is in `rejections`, and its number in the log.
        """
        spoken = get_dialect(dialect or self.dialect, self.environment.name, self.environment.dialects)
        found: list[Example] = []
        for trajectory in self.trajectories():
            try:
                example = to_example(trajectory, spoken)
            except DataError as error:
                self.rejections.append((self.source, f"{trajectory.id}: {error.what}"))
            else:
                found.append(example.model_copy(update={"source": self.source}))
        told(self.rejections, self.path)
        return found


def environment(name: str, options: Mapping[str, Any] | None = None, **more: Any) -> Environment:
    """An installed environment or `package.module:Class`: `environment("database", train=900, test=84)`.

    Raises `RecipeError` for an unknown name or option.
    """
    return load_environment(name, {**(options or {}), **more})


def rollout(
    environment: Environment,
    agent: Agent | Expert | Guided | UnbuiltAgent,
    *,
    to: str | Path,
    split: Split = "train",
    tasks: int | None = None,
    attempts: int = 1,
    dialect: str = "agentbench",
    seed: int = 0,
    source: str = "",
    threshold: float | None = None,
    bad_format_limit: int = 1,
    repetition_limit: int | None = None,
    history_limit: int | None = None,
    spending: Spending | None = None,
    ray: str = "",
    on_progress: OnProgress | None = None,
    on_notice: Callable[[str], None] = _log.warning,
) -> Played:
    """Let an agent act in the first `tasks` tasks of a split (`None`: all): `rollout(db, Expert(), to=…)`.

    Trajectories are appended to the JSONL file `to`; those that are in it are not played again. `source`
    (the environment's name if empty) begins their ids. `spending` is told what is spent, and may end it.
    Progress is drawn as bars, unless `on_progress` takes it. Raises what a user must mend
    (`TrajectuneError`), another process at the file among it.

    With `ray` the episodes are played on a Ray cluster: `auto`, `local`, `HOST:PORT` or `ray://HOST:PORT`.
    Its processes build agent and environment themselves, so the agent is an `Expert` or unbuilt
    (`partial(Local, "embedded")`), and the environment comes from `environment`. `on_notice` is told of
    nodes that die and of what nodes warn of.
    """
    name = source or environment.name
    chosen = first_tasks(environment, split, tasks, name)
    least = environment.reward_threshold if threshold is None else threshold
    limits: dict[str, Any] = {
        "attempts": attempts,
        "seed": seed,
        "source": source,
        "threshold": least,
        "bad_format_limit": bad_format_limit,
        "repetition_limit": repetition_limit,
        "history_limit": history_limit,
        "spending": spending,
    }
    with locked(to, is_file=True), shown(on_progress) as tell:
        limits["on_progress"] = tell
        if ray:
            unbuilt = _unbuilt(agent)
            more = {**limits, "on_notice": on_notice}
            rollout_on_cluster(ray, environment, chosen, unbuilt, dialect, Path(to), **more)
        else:
            spoken = get_dialect(dialect, environment.name, environment.dialects)
            with _built(agent, environment) as acting:
                play(environment, chosen, acting, spoken, Path(to), **limits)
    return Played(Path(to), environment, dialect, name, least)


@contextmanager
def _built(agent: Agent | Expert | Guided | UnbuiltAgent, environment: Environment) -> Iterator[Agent]:
    """The agent itself; what is built here is closed here."""
    if isinstance(agent, Agent):
        yield agent
        return
    acting = agent.agent(environment) if isinstance(agent, Expert | Guided) else agent()
    try:
        yield acting
    finally:
        acting.close()


def _unbuilt(agent: Agent | Expert | Guided | UnbuiltAgent) -> UnbuiltAgent | None:
    """What a cluster is told of the agent. Raises `RecipeError` for one that is built already."""
    if isinstance(agent, Guided):
        raise RecipeError(
            "a guided agent plays on one machine: its teacher is built already",
            remedy="collect without a cluster, or with the expert or a model alone",
        )
    if isinstance(agent, Agent):
        raise RecipeError(
            f"the agent {agent.name!r} is built already, and cannot travel to a cluster",
            remedy='give it unbuilt: functools.partial(Local, "embedded")',
        )
    return None if isinstance(agent, Expert) else agent


def first_tasks(environment: Environment, split: Split, count: int | None, where: str) -> Sequence[Task]:
    """The first `count` tasks of a split. Raises `RecipeError` when there are fewer."""
    tasks = environment.tasks(split)
    if count is not None and len(tasks) < count:
        raise RecipeError(
            f"the split {split!r} has {len(tasks)} tasks, {count} were asked for",
            where=f"environment {where}",
            remedy="ask for fewer, or raise the number in the environment's options",
        )
    return tasks[:count]
