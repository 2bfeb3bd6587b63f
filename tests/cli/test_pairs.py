"""`trajectune data pairs`, as a user meets it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from curate.pairs.test_files import ROWS, attempt
from trajectune.cli.data import app
from trajectune.errors import RecipeError, TrajectuneError
from trajectune.storage import JsonlWriter
from trajectune.trajectory import Trajectory

RUN = CliRunner(env={"COLUMNS": "160"})


def write(path: Path, rows: Sequence[Trajectory]) -> Path:
    path.parent.mkdir(exist_ok=True)
    with JsonlWriter(path) as writer:
        for row in rows:
            writer.write(row)
    return path


def paired(source: Path, *options: str) -> tuple[Result, list[dict[str, Any]]]:
    out = source.parent / "pairs.jsonl"
    result = RUN.invoke(app, ["pairs", str(source), str(out), "--dialect", "json", *options])
    lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    return result, [json.loads(line) for line in lines]


def test_pairs_of_a_file_and_the_account(tmp_path: Path) -> None:
    result, rows = paired(write(tmp_path / "t.jsonl", ROWS), "--per-task", "2")
    assert result.exit_code == 0, result.output
    assert [row["id"] for row in rows] == ["guess/a/1 > guess/a/2", "guess/a/1 > guess/a/3"]
    assert len(rows[0]["chosen"]) == 3
    for text in ("2 pairs of 1 tasks written to", "2 tasks without: no attempt that can be judged"):
        assert text in result.output


def test_the_first_reply_that_differs_alone(tmp_path: Path) -> None:
    _, rows = paired(write(tmp_path / "t.jsonl", ROWS), "--form", "step")
    assert [len(rows[0][side]) for side in ("chosen", "rejected")] == [1, 1]


def test_a_run_has_its_recipes_thresholds_and_its_kept_files_are_no_sources(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    half = [attempt("a", 0, 0.5, 1), attempt("a", 1, 0.0, 2)]
    write(run / "collect" / "easy.jsonl", half)
    write(run / "collect" / "strict.jsonl", half)
    write(run / "collect" / "easy.kept.jsonl", half[:1])
    recipe = (
        "name: x\nmodel: tiny\nenvironments:\n  easy: {environment: database, collect: 1, threshold: 0.5}\n"
    )
    recipe += "  strict: {environment: database, collect: 1}\ncurate: {eta: 1, validation: 0}\n"
    (run / "recipe.yaml").write_text(recipe, encoding="utf-8")
    result, rows = paired(run)
    assert len(rows) == 1, result.output
    assert "1 tasks without: no attempt succeeded" in result.output
    assert len(paired(run, "--threshold", "0.4")[1]) == 2
    assert len(paired(run / "collect", "--threshold", "0.4")[1]) == 2


def test_mistakes_are_errors_for_users(tmp_path: Path) -> None:
    result, _ = paired(tmp_path)
    assert isinstance(result.exception, TrajectuneError)
    assert "no file of trajectories is there" in str(result.exception)
    file = write(tmp_path / "t.jsonl", ROWS)
    result = RUN.invoke(app, ["pairs", str(file), str(tmp_path / "p.jsonl"), "--dialect", "agentbench"])
    assert isinstance(result.exception, RecipeError)
    assert not (tmp_path / "p.jsonl").exists()


@pytest.mark.parametrize("threshold", ["1.5", "-1"])
def test_a_threshold_is_a_reward(threshold: str, tmp_path: Path) -> None:
    result, _ = paired(write(tmp_path / "t.jsonl", ROWS), "--threshold", threshold)
    assert result.exit_code == 2
