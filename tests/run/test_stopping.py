"""A run that is stopped again and again comes to the same as one that never was."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from trajectune.progress import Progress
from trajectune.report.contents import Page
from trajectune.report.page import read_page
from trajectune.run.display import Display
from trajectune.run.recipe import Recipe, override
from trajectune.run.run import run_recipe


class Stopping(Display):
    """Stops the run at the n-th thing that it is told."""

    def __init__(self, after: int) -> None:
        super().__init__(Console(quiet=True))
        self.left = after

    def on_progress(self, progress: Progress) -> None:
        del progress
        self.left -= 1
        if self.left <= 0:
            raise KeyboardInterrupt


def numbers(page: Page) -> list[Any]:
    measured = [
        (entry.system, entry.measurement.suite, entry.measurement.metrics) for entry in page.entries
    ]
    return [measured, page.losses, page.mixture, page.funnel, page.changes]


def test_a_run_stopped_again_and_again_ends_as_one_that_was_not(
    recipe: Recipe, finished: Path, tmp_path: Path, fp32: None
) -> None:
    del fp32
    stopped = 0
    for after in itertools.count(3, 4):
        try:
            run_recipe(recipe, tmp_path / "run", display=Stopping(after))
            break
        except KeyboardInterrupt:
            stopped += 1
    assert stopped > 3
    again = read_page(tmp_path / "run" / "report" / "page.json")
    assert numbers(again) == numbers(read_page(finished / "report" / "page.json"))


def test_a_stage_that_breaks_leaves_the_earlier_ones_and_no_marker(
    brief: Recipe, tmp_path: Path, quiet: Display, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise MemoryError

    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("trajectune.run.stages.curate.mix", broken)
        with pytest.raises(MemoryError):
            run_recipe(brief, run, "tune", display=quiet)
    assert (run / "collect" / "done.json").exists()
    assert not (run / "curate" / "done.json").exists()
    played = (run / "collect" / "database.jsonl").stat().st_mtime_ns
    run_recipe(brief, run, "tune", display=quiet)
    assert (run / "collect" / "database.jsonl").stat().st_mtime_ns == played


def test_a_run_may_be_moved_and_goes_on(brief: Recipe, tmp_path: Path, quiet: Display) -> None:
    run_recipe(brief, tmp_path / "here", "tune", display=quiet)
    (tmp_path / "here").rename(tmp_path / "there")
    weights = tmp_path / "there" / "tune" / "model" / "model.safetensors"
    before = weights.stat().st_mtime_ns
    run_recipe(override(brief, {"name": "moved"}), tmp_path / "there", display=quiet)
    assert weights.stat().st_mtime_ns == before
    assert read_page(tmp_path / "there" / "report" / "page.json").title == "moved"
