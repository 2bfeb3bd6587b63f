"""A source that loses much of what it holds is said, with the most frequent reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trajectune.curate.funnel import FunnelRow
from trajectune.run.display import Display
from trajectune.run.recipe import Recipe, override
from trajectune.run.run import run_recipe
from trajectune.run.stages.curate import read_curated
from trajectune.run.stages.losses import rejection_warnings, unreadable_warnings


def test_more_than_a_few_per_cent_are_said_with_the_reasons() -> None:
    rejected = [("a", f"f.jsonl, line {n}: no answer to call '{n}'") for n in range(8)]
    rejected += [("a", "id: x"), ("b", "f.jsonl, line 1: x")]
    (said,) = rejection_warnings({"a": 91, "b": 99}, rejected)
    assert said == ("9 of 100 rows of 'a' (9%) were rejected: 8 × no answer to call '0'; 1 × x")


@pytest.mark.parametrize("used", [{}, {"a": 0}])
def test_a_source_that_lost_everything_is_said(used: dict[str, int]) -> None:
    assert "1 of 1 rows of 'a' (100%)" in rejection_warnings(used, [("a", "id: x")])[0]


def test_trajectories_that_cannot_be_read_are_said() -> None:
    rows = [FunnelRow(source="db", unreadable=2), FunnelRow(source="house")]
    assert unreadable_warnings(rows) == ["2 trajectories of 'db' cannot be read, or stand there twice"]


def test_rows_lost_while_reading_are_in_the_mixture_and_said(
    brief: Recipe, tmp_path: Path, quiet: Display
) -> None:
    path = tmp_path / "chat.jsonl"
    rows = [{"instruction": f"Say {n}.", "input": "", "output": f"{n}."} for n in range(20)]
    broken = [{"instruction": f"Say {n}.", "input": "", "output": 7} for n in range(5)]
    path.write_text("\n".join(map(json.dumps, [*rows, *broken])), encoding="utf-8")
    recipe = override(brief, {"curate.general": {"chat": {"data": str(path), "rows": 5}}})
    run = run_recipe(recipe, tmp_path / "run", "curate", display=quiet)
    curated = read_curated(run / "curate")
    assert curated.rejected["chat"] == 5
    (said,) = curated.warnings
    assert said.startswith("5 of 25 rows of 'chat' (20%) were rejected: 5 × ")
