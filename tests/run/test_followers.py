"""Several processes of `torchrun` on one recipe: one writes, all of them tune."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

from trajectune.run.display import Display
from trajectune.run.recipe import Recipe, dump_recipe, override
from trajectune.run.run import run_recipe
from trajectune.storage import read_json, read_records
from trajectune.trajectory import Trajectory

RUN = """
import sys
from pathlib import Path
from trajectune.run.recipe import load_recipe
from trajectune.run.run import run_recipe
run_recipe(load_recipe(Path(sys.argv[1])), Path(sys.argv[2]), "tune")
"""


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def test_two_processes_tune_what_one_of_them_prepares(
    brief: Recipe, tmp_path: Path, quiet: Display
) -> None:
    recipe = override(brief, {"tune.device": "cpu", "curate.eta": 1.0})
    (tmp_path / "recipe.yaml").write_text(dump_recipe(recipe), encoding="utf-8")
    shared = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(sys.path),
        "WORLD_SIZE": "2",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(free_port()),
    }
    command = [sys.executable, "-c", RUN, str(tmp_path / "recipe.yaml"), str(tmp_path / "run")]
    both = [subprocess.Popen(command, env={**shared, "RANK": str(rank)}) for rank in (1, 0)]
    try:
        assert [process.wait(timeout=200) for process in both] == [0, 0]
    finally:
        for process in both:
            process.kill()
    played = list(read_records(tmp_path / "run" / "collect" / "database.jsonl", Trajectory))
    assert len({row.id for row in played}) == len(played) == 4
    alone = run_recipe(recipe, tmp_path / "alone", "tune", display=quiet)
    together, single = (
        read_json(path / "tune" / "result.json")["sources"] for path in (tmp_path / "run", alone)
    )
    assert together.keys() == single.keys()
    assert (tmp_path / "run" / "tune" / "model" / "model.safetensors").exists()
