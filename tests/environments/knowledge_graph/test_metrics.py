"""AgentBench's metrics out of trajectories."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.agents.expert import ExpertAgent
from trajectune.dialects.registry import get_dialect
from trajectune.environments.knowledge_graph import KnowledgeGraphEnvironment
from trajectune.environments.knowledge_graph.metrics import agentbench_scores
from trajectune.environments.knowledge_graph.scoring import NOTHING, Scores
from trajectune.errors import DataError
from trajectune.rollout.rollout import rollout
from trajectune.storage import read_records
from trajectune.trajectory import Outcome, Trajectory

pytest.importorskip("pycountry")


def test_trajectories_are_scored_as_agentbench_does(tmp_path: Path):
    environment = KnowledgeGraphEnvironment(train=11, dev=0, test=0)
    path = tmp_path / "played.jsonl"
    dialect = get_dialect("agentbench", "knowledge_graph")
    result = rollout(environment, environment.tasks("train"), ExpertAgent(environment), dialect, path)
    assert result.successes == 11
    played = list(read_records(path, Trajectory))
    assert agentbench_scores(environment, played) == Scores(1, 1, 1)
    silent = played[0].model_copy(update={"steps": played[0].steps[:-1]})
    assert agentbench_scores(environment, [silent]) == NOTHING
    assert agentbench_scores(environment, [silent, played[1]]) == Scores(0.5, 0.5, 0.5)
    broken = silent.model_copy(update={"outcome": Outcome.ENVIRONMENT_ERROR, "reward": None})
    assert agentbench_scores(environment, [broken, played[1]]) == Scores(1, 1, 1)
    with pytest.raises(DataError, match="no task 'elsewhere'"):
        agentbench_scores(environment, [silent.model_copy(update={"task": "elsewhere"})])
