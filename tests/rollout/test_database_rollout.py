"""Rollouts of the real database environment: the expert wins, nothing hostile breaks the infrastructure."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.guess import Scripted
from support.steps import check_read_back
from trajectune.agents.expert import ExpertAgent
from trajectune.curate.sift import sift
from trajectune.curate.steps.contract import Context
from trajectune.curate.steps.filter import Filter
from trajectune.dialects.conversation import same_move, to_example
from trajectune.dialects.registry import get_dialect
from trajectune.environments.registry import load_environment
from trajectune.rollout.rollout import rollout
from trajectune.storage import read_records
from trajectune.trajectory import Outcome, Trajectory

DIALECTS = [get_dialect(name, "database") for name in ("agentbench", "react", "json", "native")]


def test_the_experts_trajectories_can_be_taught_in_every_dialect(tmp_path: Path) -> None:
    environment = load_environment("database")
    path, kept = tmp_path / "t.jsonl", tmp_path / "kept.jsonl"
    result = rollout(
        environment,
        environment.tasks("train")[:60],
        ExpertAgent(environment),
        DIALECTS[0],
        path,
    )
    assert (result.successes, result.errors) == (60, 0)
    row = sift(path, kept, [Filter()], Context(source="database", threshold=environment.reward_threshold))
    assert row.kept == 60
    assert row.turns is not None
    assert row.turns >= 2
    for trajectory in read_records(kept, Trajectory):
        for dialect in DIALECTS:
            replies = [m for m in to_example(trajectory, dialect).messages if m.spans]
            for step, message in zip(trajectory.steps, replies, strict=True):
                assert same_move(check_read_back(dialect, step), step)
                assert message.trained == (step.trained and not step.faults)


HOSTILE = [
    "SELECT 1\x00; DROP TABLE x",
    "ATTACH DATABASE '/etc/passwd' AS p",
    "SELECT load_extension('x')",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n",
    "SELECT '" + "x" * 100_000,
    "(" * 5_000,
    "\ud800",
]


@pytest.mark.parametrize("query", HOSTILE, ids=lambda query: ascii(query[:12]))
def test_hostile_sql_is_a_fault_and_not_an_error(tmp_path: Path, query: str) -> None:
    environment = load_environment("database", {"seconds": 0.2})
    agent = Scripted(lambda _: f"Action: Operation\n```sql\n{query}\n```")
    path = tmp_path / "t.jsonl"
    rollout(environment, environment.tasks("train")[:1], agent, DIALECTS[0], path, max_steps=2)
    row = next(read_records(path, Trajectory))
    assert (row.outcome, row.reward) == (Outcome.STEP_LIMIT, 0.0)
    assert row.steps[0].faults
