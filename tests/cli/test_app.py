"""`trajectune` as a user meets it: mistakes end in a few lines and status 2, never in a traceback."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"


Command = Callable[..., Any]
"""What the fixture `trajectune` gives: runs a command, returns its status and what it wrote."""


def recipe(folder: Path, text: str, name: str = "recipe.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["rnu"], "Did you mean 'run'?"),
        (["run"], "Missing argument 'RECIPE'"),
        (["run", "no.yaml"], "the recipe cannot be read"),
        (["run", "."], "the recipe cannot be read"),
        (["plan", "no.yaml"], "the recipe cannot be read"),
        (["run", SMOKE, "--set", "curate.eta"], "write --set KEY=VALUE"),
        (["run", SMOKE, "--set", "curate.etta=1"], "did you mean `eta`?"),
        (["run", SMOKE, "--set", "curate.eta=7"], "curate.eta: Input should be less than or equal to 1"),
        (["run", SMOKE, "--set", "name.x=1"], "no such key to change: name.x"),
        (["tune"], "nothing to tune on remedy: give a RECIPE, or --data FILE and --model M"),
        (["tune", "--data", "no.jsonl"], "no such data file where: no.jsonl"),
        (["tune", "--data", "."], "no such data file"),
        (["tune", SMOKE, "--data", "x.jsonl"], "both a recipe and --data"),
        (["evaluate"], "nothing to measure"),
        (["chat", "/no/such/model"], "there is no such model folder"),
        (["data", "inspect", "no.jsonl"], "the file does not exist where: no.jsonl"),
        (["data", "inspect", "."], "expected a file, found a directory"),
        (["data", "masks", ".", "--model", "tiny"], "expected a file, found a directory"),
        (["environments", "check", "databse"], "did you mean 'database'?"),
        (["environments", "check", "database", "-o", "sead=1"], "did you mean 'seed'?"),
        (["environments", "play", "database", "--task", "[red]"], "There is no task '[red]'"),
    ],
)
def test_mistakes_end_in_a_remedy_and_status_2(
    trajectune: Command, arguments: list[object], said: str
) -> None:
    ended = trajectune(*arguments)
    assert (ended.status, ended.out) == (2, "")
    assert said in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name: x\ncurate: {etta: 1}\n", "curate.etta: unknown key; did you mean `eta`?"),
        ("name: x\nmodle: tiny\n", "modle: unknown key; did you mean `model`?"),
        ("name: x\nenvironments: {database: {colect: 1}}\n", "did you mean `collect`?"),
        ("model: tiny\n", "name: Field required"),
        ("a: [", "the recipe is not YAML"),
        ("just words", "the recipe is not a mapping"),
        ("", "the recipe is not a mapping"),
    ],
)
def test_a_recipe_with_a_mistake_is_refused_before_anything_runs(
    trajectune: Command, tmp_path: Path, text: str, said: str
) -> None:
    ended = trajectune("run", recipe(tmp_path, text))
    assert ended.status == 2
    assert said in ended.err
    assert "recipe.yaml" in ended.err
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize("place", ["photos", "photos/cat.png"])
def test_a_run_directory_that_holds_something_else_is_left_alone(
    trajectune: Command, tmp_path: Path, place: str
) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").write_bytes(b"cat")
    ended = trajectune("run", SMOKE, "--run-dir", tmp_path / place)
    assert ended.status == 2
    assert "holds something else" in ended.err
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.png"]


def test_a_users_broken_environment_is_said_with_its_line(
    trajectune: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "unbuildable_world.py").write_text(
        "from trajectune.environments.database import DatabaseEnvironment\n"
        "class Environment(DatabaseEnvironment):\n    def __init__(self):\n        int('three')\n"
    )
    ended = trajectune("environments", "check", "unbuildable_world:Environment")
    assert ended.status == 2
    assert "invalid literal" in ended.err
    assert "unbuildable_world.py:4" in ended.err


def test_a_users_environment_that_breaks_the_contract_ends_with_status_1(
    trajectune: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "sloppy_world.py").write_text(
        "from trajectune.environments.database import DatabaseEnvironment\n"
        "class Environment(DatabaseEnvironment):\n    tools = ()\n"
    )
    ended = trajectune("environments", "check", "sloppy_world:Environment")
    assert ended.status == 1


@pytest.mark.parametrize(
    "command",
    [
        [],
        *(["run"], ["plan"], ["collect"], ["curate"], ["tune"], ["evaluate"], ["report"], ["clean"]),
        ["chat"],
        *(["data"], ["data", "inspect"], ["data", "convert"], ["data", "masks"]),
        *(["shrink"], ["emulate", "generate"], ["emulate", "chat"], ["emulate", "serve"]),
        *(["environments"], ["environments", "list"], ["environments", "check"], ["environments", "play"]),
    ],
)
def test_help_explains_every_command_and_option(trajectune: Command, command: list[str]) -> None:
    ended = trajectune(*command, "--help")
    assert ended.status == 0
    assert f"Usage: trajectune {' '.join(command)}".strip() in ended.out
    assert "--help" in ended.out


def start_run(folder: Path) -> subprocess.Popen[str]:
    """The smoke recipe in a process of its own, with many tasks to gather and little to measure."""
    lines = [{"instruction": f"Say {n}.", "input": "", "output": f"The number {n}."} for n in range(20)]
    recipe(folder, "\n".join(map(json.dumps, lines)), "chat.jsonl")
    general = {"chat": {"data": str(folder / "chat.jsonl"), "rows": 12}}
    changes = {
        "environments.database.collect": 200,
        "environments.database.options.train": 200,
        "environments.database.evaluate": 2,
        "curate.general": general,
    }
    pairs = [part for key, value in changes.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    command = [sys.executable, "-m", "trajectune.cli.entry", "collect", str(SMOKE), *pairs]
    return subprocess.Popen(
        command,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A child of a job in the background inherits that SIGINT is ignored, and Python then leaves it so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def test_ctrl_c_keeps_what_is_done_and_the_same_command_finishes(tmp_path: Path) -> None:
    played = tmp_path / "runs" / "smoke" / "collect" / "database.jsonl"
    process = start_run(tmp_path)
    deadline = time.monotonic() + 120
    while not (played.exists() and played.read_bytes().count(b"\n") >= 3):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 130, said
    assert "earlier stages and what is finished of this one are kept" in " ".join(said.split())
    assert "the same command again goes on" in " ".join(said.split())
    assert "Traceback" not in said
    kept = played.read_text(encoding="utf-8").splitlines()
    assert 3 <= len(kept) < 200

    process = start_run(tmp_path)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    rows = played.read_text(encoding="utf-8").splitlines()
    assert rows[: len(kept)] == kept
    assert len({json.loads(row)["id"] for row in rows}) == len(rows) == 200
