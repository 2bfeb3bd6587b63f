"""`trajectune run` and its stages: a changed recipe, cleaning up, and any model on any environment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trajectune.cli.stages import _model_name  # pyright: ignore[reportPrivateUsage]

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"
BRIEF = [
    "--set",
    "environments.database.collect=2",
    "--set",
    "environments.database.options={train: 4, test: 2}",
]

Command = Callable[..., Any]


def test_a_changed_recipe_is_refused_redone_and_cleaned(trajectune: Command, tmp_path: Path) -> None:
    first = trajectune("collect", SMOKE, *BRIEF)
    assert first.status == 0
    home = tmp_path / "runs" / "smoke"
    old = (home / "collect").resolve()
    again = trajectune("collect", SMOKE, *BRIEF, "--set", "seed=7")
    assert again.status == 2
    assert "made by another recipe; these keys differ: seed" in again.err
    assert "--redo to make again: collect" in again.err
    assert "seed: 0" in (home / "recipe.yaml").read_text("utf-8")
    assert trajectune("collect", SMOKE, *BRIEF, "--set", "seed=7", "--redo").status == 0
    assert (home / "collect").resolve() != old
    assert old.exists()
    cleaned = trajectune("clean", home)
    assert (cleaned.status, cleaned.out) == (0, "0.0 MB removed")
    assert not old.exists()
    assert (home / "collect" / "database.jsonl").exists()


def test_a_cluster_that_does_not_answer_is_told_and_changes_no_result(
    trajectune: Command, tmp_path: Path
) -> None:
    ended = trajectune("collect", SMOKE, *BRIEF, "--ray", "127.0.0.1:1")
    assert ended.status == 2
    assert "no Ray cluster answers" in ended.err
    assert not list(tmp_path.rglob("database.jsonl"))
    assert trajectune("collect", SMOKE, *BRIEF).status == 0
    assert len(list((tmp_path / "runs" / "smoke" / "stages").iterdir())) == 1, "it is another result"


def test_cleaning_touches_only_run_directories(trajectune: Command, tmp_path: Path) -> None:
    (tmp_path / "photos" / "stages" / "mine-0123456789").mkdir(parents=True)
    for folder in ("photos", "nowhere"):
        ended = trajectune("clean", tmp_path / folder)
        assert ended.status == 2
        assert not (tmp_path / folder / "recipe.yaml").exists()
    assert (tmp_path / "photos" / "stages" / "mine-0123456789").exists()


def test_any_model_is_measured_under_a_true_name(trajectune: Command, tmp_path: Path) -> None:
    arguments = ["--model", "tiny", "--environment", "database", "--tasks", 1]
    limits = ["--set", "evaluate.max_new_tokens=4", "--set", "evaluate.max_context=4096"]
    ended = trajectune("evaluate", *arguments, *limits)
    assert ended.status == 0
    assert "tiny" in ended.out
    assert "database" in ended.out
    path = (
        tmp_path / "runs" / "evaluate-tiny-database" / "evaluate" / "tiny" / "database" / "measurement.json"
    )
    assert json.loads(path.read_text("utf-8"))["system"]["name"] == "tiny"
    renamed = trajectune("evaluate", *arguments, *limits, "--name", "my model", "--run-dir", "other")
    assert renamed.status == 0
    assert (tmp_path / "other" / "evaluate" / "my-model" / "database" / "items.jsonl").exists()


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("embedded", "embedded"),
        ("owner/name", "name"),
        ("/models/llama-7b", "llama-7b"),
        ("runs/quickstart/tune/model", "quickstart/tune/model"),
        ("model", "model"),
    ],
)
def test_a_model_is_called_after_its_folder(model: str, name: str) -> None:
    assert _model_name(model) == name


def test_a_setting_below_a_section_that_is_not_there_makes_it(trajectune: Command, tmp_path: Path) -> None:
    ended = trajectune("collect", SMOKE, *BRIEF, "--set", "tune.lora.rank=4")
    assert ended.status == 0
    assert "rank: 4" in (tmp_path / "runs" / "smoke" / "recipe.yaml").read_text("utf-8")


def test_an_old_recipe_is_told_how_to_be_written_now(trajectune: Command, tmp_path: Path) -> None:
    path = tmp_path / "old.yaml"
    path.write_text("name: x\nmodel: tiny\nablation: {arms: {a: {curate.eta: 1.0}}}\n", "utf-8")
    ended = trajectune("run", path)
    assert ended.status == 2
    assert "study: seeds: - 0 arms: a: curate.eta: 1.0" in ended.err


def test_files_of_one_name_are_two_sources(trajectune: Command, tmp_path: Path) -> None:
    files = [tmp_path / folder / "chats.jsonl" for folder in ("a", "b")]
    for path in files:
        path.parent.mkdir()
        path.write_text(json.dumps({"instruction": path.parent.name, "output": "yes"}) + "\n", "utf-8")
    given = [word for path in files for word in ("--data", path)]
    ended = trajectune("tune", *given, "--model", "tiny", "--set", "tune.steps=1", "--run-dir", "run")
    assert ended.status == 0
    mixture = json.loads((tmp_path / "run" / "curate" / "mixture.json").read_text("utf-8"))
    assert {name: source["rows"] for name, source in mixture["sources"].items()} == {
        "chats": 1,
        "chats-2": 1,
    }


def test_help_loads_no_heavy_library() -> None:
    code = (
        "import sys; from trajectune.cli.entry import main\n"
        "try: main()\n"
        "except SystemExit: sys.exit(bool({'torch', 'transformers', 'pyarrow'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code, "run", "--help"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "RECIPE" in done.stdout


def test_data_of_which_nothing_can_be_read_says_why(trajectune: Command, tmp_path: Path) -> None:
    (tmp_path / "bad.jsonl").write_bytes(b"no json\n\xff\n")
    ended = trajectune("tune", "--data", "bad.jsonl", "--model", "tiny", "--run-dir", "run")
    assert ended.status == 2
    assert "no row of 'bad' can be used, the first because: bad.jsonl, line 1: not JSON" in ended.err
    (kept,) = (tmp_path / "run" / "stages").glob("curate-*/rejected.jsonl")
    assert len(kept.read_text("utf-8").splitlines()) == 2
