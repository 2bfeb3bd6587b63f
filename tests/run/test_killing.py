"""A run whose process is killed in the middle of every stage, and started again, makes equal files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from trajectune.run.recipe import Recipe, dump_recipe, override

DRIVER = '''
import os, signal, sys
from pathlib import Path
import torch
from rich.console import Console
from trajectune.models import loading
from trajectune.run.display import Display
from trajectune.run.recipe import load_recipe
from trajectune.run.run import run_recipe

torch.set_num_threads(1)
loading.fastest_dtype = lambda *_: torch.float32
recipe, whole, torn = load_recipe(Path(sys.argv[1])), Path(sys.argv[2]), Path(sys.argv[3])
fsync = os.fsync


class Killer(Display):
    """Kills its process in a stage: at its second step, or else as it brings a file to the disk."""

    def __init__(self, stage):
        super().__init__(Console(quiet=True))
        self.stage, self.now, self.told = stage, "", 0
        os.fsync = self.fsync

    def title(self, line, about=""):
        self.now = line

    def on_progress(self, progress):
        self.told += self.now == self.stage
        if self.told == 2:
            os.kill(os.getpid(), signal.SIGKILL)

    def fsync(self, file):
        if self.now == self.stage and self.told == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        fsync(file)


def attempt(folder, display):
    child = os.fork()
    if child == 0:
        run_recipe(recipe, folder, display=display)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


for stage in sys.argv[4:]:
    print(stage, attempt(torn, Killer(stage)), flush=True)
    os.fsync = fsync
print("torn", attempt(torn, Display(Console(quiet=True))), flush=True)
print("whole", attempt(whole, Display(Console(quiet=True))), flush=True)
'''
STAGES = ["collect", "general", "curate", "tune", "evaluate/base", "evaluate/tuned", "report"]


@pytest.fixture(scope="module")
def runs(brief: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run that was never stopped, and one that was killed once in every stage."""
    home = tmp_path_factory.mktemp("killed")
    recipe = override(brief, {"evaluate.general": True, "tune.checkpoint_every": 1})
    (home / "recipe.yaml").write_text(dump_recipe(recipe), "utf-8")
    arguments = [str(home / name) for name in ("recipe.yaml", "whole", "torn")]
    done = subprocess.run(
        [sys.executable, "-c", DRIVER, *arguments, *STAGES],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    expected = [f"{stage} {-signal.SIGKILL}" for stage in STAGES] + ["torn 0", "whole 0"]
    assert done.stdout.splitlines() == expected, done.stderr
    return home / "whole", home / "torn"


def rows(path: Path) -> list[Any]:
    """The rows of a file without what the clock decides."""

    def timeless(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: timeless(each) for key, each in value.items() if key not in CLOCK}
        return value

    return [timeless(json.loads(line)) for line in path.read_text("utf-8").splitlines()]


CLOCK = {"seconds", "usage", "time", "tokens_per_second"}


@pytest.mark.parametrize(
    "name",
    [
        "collect/database.jsonl",
        "general/chat.jsonl",
        "curate/train.jsonl",
        "curate/validation.jsonl",
        "curate/database.kept.jsonl",
        "evaluate/base/database/items.jsonl",
        "evaluate/tuned/general-loss/items.jsonl",
        "evaluate/tuned/choices/items.jsonl",
    ],
)
def test_what_was_torn_is_mended_to_equal_rows(name: str, runs: tuple[Path, Path]) -> None:
    whole, torn = (rows(run / name) for run in runs)
    assert whole
    assert torn == whole


@pytest.mark.parametrize(
    "name",
    ["curate/mixture.json", "curate/funnel.json", "tune/model/model.safetensors", "tune/model/config.json"],
)
def test_what_was_torn_is_mended_to_the_same_bytes(name: str, runs: tuple[Path, Path]) -> None:
    whole, torn = ((run / name).read_bytes() for run in runs)
    assert torn == whole


def test_the_steps_of_tuning_are_logged_once(runs: tuple[Path, Path]) -> None:
    whole, torn = (rows(run / "tune" / "metrics.jsonl") for run in runs)
    assert [row["step"] for row in torn] == [row["step"] for row in whole]
    assert [row["loss"] for row in torn] == [row["loss"] for row in whole]


def test_nothing_half_made_is_left(runs: tuple[Path, Path]) -> None:
    def names(run: Path) -> set[str]:
        found = {path.relative_to(run) for path in (run / "stages").rglob("*") if path.is_file()}
        return {path.as_posix() for path in found if "tensorboard" not in path.parts}

    whole, torn = map(names, runs)
    assert torn == whole
