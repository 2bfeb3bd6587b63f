"""Whatever writes into a run directory or a growing file lets one process in; a killed one frees it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import trajectune as tt
from trajectune.cli.entry import main
from trajectune.errors import RecipeError
from trajectune.example import Example, Message
from trajectune.run.recipe import Recipe, dump_recipe

HOLD = """
import sys, time
from trajectune.storage import locked
with locked(sys.argv[1], is_file=bool(sys.argv[2])):
    print("in", flush=True)
    time.sleep(100)
"""


@contextmanager
def another_process(path: Path, *, is_file: bool = False) -> Iterator[None]:
    """Another process works at the place while the block runs; then it is killed."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), "1" if is_file else ""],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    try:
        yield
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def busy(brief: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, Path]]:
    """A recipe, and the run directory in which another process works on it."""
    home = tmp_path_factory.mktemp("busy")
    (home / "recipe.yaml").write_text(dump_recipe(brief), encoding="utf-8")
    (home / "run").mkdir()
    (home / "run" / "recipe.yaml").write_text(dump_recipe(brief), encoding="utf-8")
    with another_process(home / "run"):
        yield home / "recipe.yaml", home / "run"


@pytest.mark.parametrize("command", ["run", "collect", "curate", "tune", "evaluate", "report", "clean"])
def test_the_second_command_is_refused_before_it_writes_anything(
    command: str,
    busy: tuple[Path, Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    recipe, run = busy
    before = sorted(run.rglob("*"))
    arguments = [str(run)] if command == "clean" else [str(recipe), "--run-dir", str(run)]
    monkeypatch.setattr(sys, "argv", ["trajectune", command, *arguments])
    with pytest.raises(SystemExit) as left:
        main()
    said = capsys.readouterr().err
    assert left.value.code == 2
    assert "another process works in this folder" in said
    assert "give another folder with --run-dir" in said
    assert sorted(run.rglob("*")) == before


def test_a_model_measured_by_options_is_refused_too(
    busy: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ["--model", "tiny", "--environment", "database", "--run-dir", str(busy[1])]
    monkeypatch.setattr(sys, "argv", ["trajectune", "evaluate", *options])
    with pytest.raises(SystemExit) as left:
        main()
    assert left.value.code == 2
    assert "another process works in this folder" in capsys.readouterr().err


def chat() -> Example:
    said = [Message(role="user", content="Hi"), Message(role="assistant", content="Ho", trained=True)]
    return Example(id="1", source="a", messages=said)


def test_a_file_of_episodes_has_one_writer(tmp_path: Path) -> None:
    db = tt.environment("database", train=2, test=1)
    path = tmp_path / "played.jsonl"
    with another_process(path, is_file=True), pytest.raises(RecipeError, match="works on this file"):
        tt.rollout(db, tt.Expert(), tasks=2, to=path)
    assert len(tt.rollout(db, tt.Expert(), tasks=2, to=path).trajectories()) == 2


def test_a_file_of_answers_has_one_writer(tmp_path: Path) -> None:
    path = tmp_path / "own.jsonl"
    with another_process(path, is_file=True), pytest.raises(RecipeError, match="works on this file"):
        tt.self_distil("tiny", rows=1, to=path)


def test_a_tuning_has_one_process(tmp_path: Path) -> None:
    data = tt.mix(agent={"a": [chat()]}, general={}, eta=1.0, held_out=0)
    with another_process(tmp_path / "t"), pytest.raises(RecipeError, match="works in this folder"):
        tt.tune("tiny", data, tt.TuneSettings(steps=1, device="cpu"), to=tmp_path / "t")
    assert [path.name for path in (tmp_path / "t").iterdir()] == [".lock"]


def test_a_measurement_and_a_page_have_one_process(tmp_path: Path) -> None:
    with another_process(tmp_path / "m"), pytest.raises(RecipeError, match="works in this folder"):
        tt.evaluate("tiny", [tt.Choices(items=1)], to=tmp_path / "m")
    measured = tt.evaluate("tiny", [tt.Choices(items=1)], to=tmp_path / "m")
    with another_process(tmp_path / "p"), pytest.raises(RecipeError, match="works in this folder"):
        tt.report([measured], to=tmp_path / "p")
    assert tt.report([measured], to=tmp_path / "p").exists()
