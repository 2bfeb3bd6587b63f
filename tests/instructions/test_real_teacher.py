"""The whole way with a real model behind a real server: a weak teacher is counted, not believed."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from trajectune.agents.endpoint import EndpointAgent
from trajectune.environments.registry import load_environment
from trajectune.errors import DataError
from trajectune.instructions.outcome import Construction
from trajectune.run.api.acting import Expert, Guided, rollout
from trajectune.run.api.instructions import invent

pytestmark = pytest.mark.slow
REQUESTS = 4


@pytest.fixture(scope="module")
def url(embedded_model_dir: Path) -> Iterator[str]:
    """The embedded model behind `trajectune serve`."""
    command = [
        sys.executable,
        "-m",
        "trajectune.cli.entry",
        "serve",
        str(embedded_model_dir),
        "--name",
        "embedded",
    ]
    with subprocess.Popen([*command, "--port", "0"], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None  # it is piped
        for line in process.stderr:
            if match := re.search(r"is served at (\S+);", line):
                yield match[1]
                break
        process.terminate()


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")


def teacher(url: str, **options: Any) -> EndpointAgent:
    return EndpointAgent(url, "embedded", timeout=240, **{"max_new_tokens": 160, **options})


def test_what_a_weak_teacher_writes_is_counted(url: str, tmp_path: Path) -> None:
    agent = teacher(url, temperature=0.8)
    try:
        made = invent("database", agent, to=tmp_path, tasks=50, requests=REQUESTS).counts
    except DataError:  # not one task, which is a result
        made = Construction.load(tmp_path)
    finally:
        agent.close()
    assert made.asked == REQUESTS
    assert made.written >= REQUESTS
    assert made.written == made.accepted + sum(made.rejected.values())
    assert made.usage.generated_tokens > 0


def test_a_weak_teachers_thoughts_never_cost_the_reward(url: str, tmp_path: Path) -> None:
    environment = load_environment("database", {"train": 2, "kinds": ["count"], "repair": 0.0})
    guided = Guided(teacher(url, max_new_tokens=48))
    played = rollout(environment, guided, to=tmp_path / "guided.jsonl").trajectories()
    own = rollout(environment, Expert(), to=tmp_path / "own.jsonl").trajectories()
    guided.teacher.close()
    assert [each.reward for each in played] == [1.0, 1.0]
    assert sum(guided.counts.values()) == sum(len(each.steps) for each in own)
