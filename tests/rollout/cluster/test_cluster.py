"""Real clusters of two nodes: the set is that of one machine, whoever dies or is stopped in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

import trajectune as tt
from support.cluster import TwoNodes, environment, rows
from support.watched import NAME, played
from trajectune.agents.contract import Agent
from trajectune.errors import UnavailableError

EPISODES = 120


def watched(folder: Path, pause: float = 0.0) -> tt.Environment:
    folder.mkdir()
    return tt.environment(NAME, folder=str(folder), pause=pause, train=40, test=1)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one machine makes."""
    home = tmp_path_factory.mktemp("alone")
    return tt.rollout(watched(home / "w"), tt.Expert(), to=home / "t.jsonl", attempts=3).path


def test_a_node_that_is_killed_in_the_middle_changes_nothing(alone: Path, tmp_path: Path) -> None:
    said: list[str] = []
    killed: list[float] = []
    with TwoNodes() as nodes:

        def tell(progress: tt.Progress) -> None:
            busy = played(tmp_path / "w")
            if not killed and len(busy) == 2 and min(busy) > 5:
                nodes.kill_one()
                killed.append(progress.done)

        db = watched(tmp_path / "w", pause=0.1)
        to = tmp_path / "t.jsonl"
        tt.rollout(
            db, tt.Expert(), to=to, attempts=3, ray=nodes.address, on_progress=tell, on_notice=said.append
        )
    assert killed
    assert killed[0] < EPISODES / 2, "it was not the middle"
    assert any("died; its" in line for line in said), said
    assert rows(to) == rows(alone)


LACKING = """
import sys
class Lacking:
    def find_spec(self, name, *_):
        if name.partition(".")[0] == {0!r}:
            raise ModuleNotFoundError("No module named {0!r}", name={0!r})
sys.meta_path.insert(0, Lacking())
"""


@pytest.mark.parametrize(
    ("missing", "what"), [("sqlglot", "'sqlglot'"), ("trajectune", "the package 'trajectune' is not installed")]
)
def test_what_a_node_lacks_is_told_by_name(missing: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LACKING.format(missing))
    search = environment()["PYTHONPATH"]
    lacking = {"PYTHONPATH": f"{tmp_path}:{search}"}
    with TwoNodes(head=0, second=lacking) as nodes, pytest.raises(UnavailableError) as caught:
        tt.rollout(tt.environment("database"), tt.Expert(), to=tmp_path / "t.jsonl", tasks=3, ray=nodes.address)
    assert what in caught.value.what
    assert "the node" in caught.value.where
