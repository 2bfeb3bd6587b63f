"""Agent skill: a system plays tasks of an environment, and its episodes are scored.

Leaves `episodes.jsonl` (trajectories) besides the items; a measurement that was stopped goes on with the
episodes that are missing. Invariants: `Item.score` is 1 for an episode that reached the threshold, else 0;
episodes that the infrastructure broke are no items; trajectories name the system that acted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from trajectune.agents.local import LocalAgent
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Environment, Split, Task
from trajectune.errors import RecipeError
from trajectune.evaluate.contract import Group, Item, Measurement, Need, Suite, System
from trajectune.evaluate.episodes import counts, metrics, warnings
from trajectune.evaluate.items import ITEMS, write_items
from trajectune.progress import OnProgress, silent
from trajectune.rollout.rollout import rollout
from trajectune.storage import Rejected, encode, read_records
from trajectune.trajectory import Trajectory

EPISODES = "episodes.jsonl"


class EnvironmentSuite(Suite):
    """The first `tasks` tasks of a split, one episode each.

    `EnvironmentSuite(db, tasks=84)`.

    `key` tells two entries of one environment apart; it is the suite's name. `dialect` is what a system
    acts in that has none of its own. A reward of at least `threshold` (the environment's own if `None`) is
    a success. `bad_format_limit` and `repetition_limit` end an episode, and `history_limit` cuts what an
    agent is shown, as in `rollout`.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"generation"})

    def __init__(
        self,
        environment: Environment,
        *,
        key: str = "",
        tasks: int = 60,
        split: Split = "test",
        dialect: str = "agentbench",
        threshold: float | None = None,
        bad_format_limit: int = 1,
        repetition_limit: int | None = None,
        history_limit: int | None = None,
        group: Group = "held-in",
    ) -> None:
        self.environment = environment
        self.name = key or environment.name
        self.group: Group = group
        self.tasks = tasks
        self.split: Split = split
        self.dialect = dialect
        self.threshold = environment.reward_threshold if threshold is None else threshold
        self.bad_format_limit = bad_format_limit
        self.repetition_limit = repetition_limit
        self.history_limit = history_limit

    def settings(self) -> dict[str, JsonValue]:
        digest = hashlib.sha256()
        for task in self._picked():
            digest.update(encode({"id": task.id, "data": dict(task.data)}))
        return {
            "environment": self.environment.name,
            "split": self.split,
            "tasks": self.tasks,
            "digest of tasks": digest.hexdigest()[:16],
            "dialect": self.dialect,
            "threshold": self.threshold,
            "bad_format_limit": self.bad_format_limit,
            "repetition_limit": self.repetition_limit,
            **({} if self.history_limit is None else {"history_limit": self.history_limit}),
        }

    def measure(
        self, system: System, folder: Path, seed: int = 0, on_progress: OnProgress = silent
    ) -> Measurement:
        """Raises `RecipeError` for a dialect that is unknown here or a split that has too few tasks."""
        dialect = system.identity.dialect or self.dialect
        self._play(system, dialect, folder / EPISODES, seed, on_progress)
        rejected: list[Rejected] = []
        episodes = list(read_records(folder / EPISODES, Trajectory, rejected))
        return Measurement(
            suite=self.name,
            group=self.group,
            system=system.identity.model_copy(update={"dialect": dialect}),
            note=self.environment.note,
            warnings=warnings(episodes, [row.reason for row in rejected]),
            headline="success",
            metrics=metrics(episodes, self.threshold, seed),
            counts=counts(episodes, self.threshold) | ({"rejected": len(rejected)} if rejected else {}),
            items=write_items(folder / ITEMS, episode_items(episodes, self.threshold)),
        )

    def _play(self, system: System, dialect: str, path: Path, seed: int, on_progress: OnProgress) -> None:
        spoken = get_dialect(dialect, self.environment.name, self.environment.dialects)
        agent = LocalAgent(
            system.composition,
            batch_size=system.batch_size,
            max_new_tokens=system.max_new_tokens,
            max_context=system.max_context,
            speculation=system.speculation,
        )
        agent.name = system.name  # trajectories say who was measured, not which files it was loaded from
        try:
            rollout(
                self.environment,
                self._picked(),
                agent,
                spoken,
                path,
                seed=seed,
                source=self.name,
                threshold=self.threshold,
                bad_format_limit=self.bad_format_limit,
                repetition_limit=self.repetition_limit,
                history_limit=self.history_limit,
                on_progress=on_progress,
            )
        finally:
            agent.close()

    def _picked(self) -> Sequence[Task]:
        tasks = self.environment.tasks(self.split)
        if not 0 < self.tasks <= len(tasks):
            raise RecipeError(
                f"{self.tasks} tasks were asked for, the split {self.split!r} has {len(tasks)}",
                where=f"suite {self.name}",
                remedy="ask for another number, or raise it in the environment's options",
            )
        return tasks[: self.tasks]


def episode_items(episodes: Sequence[Trajectory], threshold: float) -> Iterator[Item]:
    """One item for each episode that counts."""
    for each in episodes:
        if each.reward is not None:
            yield Item(
                task=each.task,
                attempt=each.attempt,
                seed=each.seed,
                kind=each.kind,
                score=float(each.reward >= threshold),
                tokens=each.usage.generated_tokens,
                seconds=each.usage.seconds,
            )
