"""Real clusters of two nodes: the set is that of one machine, whoever dies or is stopped in the middle."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

import pytest

import trajectune as tt
from support.cluster import TwoNodes, environment, rows
from support.models import Tiny
from support.watched import NAME, played
from trajectune.agents.contract import Agent
from trajectune.errors import UnavailableError
from trajectune.progress import Progress

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

        def tell(progress: Progress) -> None:
            busy = played(tmp_path / "w")
            if not killed and len(busy) == 2 and min(busy) > 5:
                nodes.kill_one()
                killed.append(progress.done)

        db = watched(tmp_path / "w", pause=0.05)
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


@pytest.mark.parametrize("missing", ["sqlglot", "trajectune"])
def test_what_a_node_lacks_is_told_by_name(missing: str, tmp_path: Path) -> None:
    (tmp_path / "sitecustomize.py").write_text(LACKING.format(missing))
    search = environment()["PYTHONPATH"]
    lacking = {"PYTHONPATH": f"{tmp_path}:{search}"}
    with TwoNodes(head=0, second=lacking) as nodes, pytest.raises(UnavailableError) as caught:
        tt.rollout(
            tt.environment("database"), tt.Expert(), to=tmp_path / "t.jsonl", tasks=3, ray=nodes.address
        )
    assert f"the package '{missing}'" in caught.value.what
    assert "the node" in caught.value.where


DRIVER = """
import signal, sys
from pathlib import Path
from trajectune.environments.registry import load_environment
from trajectune.rollout.cluster.rollout import rollout_on_cluster
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored in what runs in the background
address, folder, path = sys.argv[1:]
db = load_environment({name!r}, {{"folder": folder, "pause": 0.05, "train": 40, "test": 1}})
rollout_on_cluster(address, db, db.tasks("train"), None, "agentbench", Path(path), attempts=3)
"""


def test_ctrl_c_keeps_what_is_finished_and_the_same_call_goes_on(alone: Path, tmp_path: Path) -> None:
    folder, file = tmp_path / "w", tmp_path / "t.jsonl"
    folder.mkdir()
    with TwoNodes() as nodes:
        first = drive(nodes.address, folder, file)
        wait_for_rows(file, 10)
        first.send_signal(signal.SIGINT)
        _, said = first.communicate(timeout=90)
        assert said.rstrip().endswith("KeyboardInterrupt"), said
        kept = file.read_text("utf-8").splitlines()
        assert 10 <= len(kept) < EPISODES
        second = drive(nodes.address, folder, file)
        _, said = second.communicate(timeout=120)
    assert (second.returncode, said) == (0, "")
    assert file.read_text("utf-8").splitlines()[: len(kept)] == kept
    assert rows(file) == rows(alone)
    assert sum(played(folder)) < 2 * EPISODES, "what was finished is played again"


def drive(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", DRIVER.format(name=NAME), *map(str, arguments)],
        stderr=subprocess.PIPE,
        env=environment(),
        text=True,
    )


def wait_for_rows(path: Path, count: int) -> None:
    deadline = time.monotonic() + 120
    while not path.exists() or path.read_bytes().count(b"\n") < count:
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_model_that_decodes_on_every_node_says_what_it_says_on_one(tmp_path: Path) -> None:
    folder = Tiny("llama", context=4096, spread=0.3, ends=False).write(tmp_path / "model")
    agent: partial[Agent] = partial(
        tt.Local, str(folder), max_new_tokens=4, max_context=4096, dtype="float32"
    )
    made: list[Path] = []
    with TwoNodes() as nodes:
        for number, address in enumerate(("", nodes.address)):
            db, to = watched(tmp_path / f"w{number}"), tmp_path / f"{number}.jsonl"
            made.append(tt.rollout(db, agent, to=to, tasks=30, dialect="react", ray=address).path)
    one, two = map(rows, made)
    assert len(one) == 30
    assert len({row["steps"][0]["replies"][0]["text"] for row in one}) > 5, "the model has one reply"
    assert two == one
