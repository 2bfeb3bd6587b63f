"""What a terminal shows at the end: as much as was asked for, and no more."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from run.page.study_results import make, study
from trajectune.run.directory import RunDirectory
from trajectune.run.display import Display
from trajectune.run.page.summary import show_summary

ARMS = {"slow": {"curate.eta": 0.5}, "fast": {"tune.learning_rate": 1e-3}}


def shown(folder: Path, until: str) -> str:
    found, home = study({"arms": ARMS}), RunDirectory(folder / "run")
    make(home, found, lambda result: 0.75 if result.stage.name == "evaluate/tuned" else 0.25)
    page = io.StringIO()
    show_summary(home, found, until, Display(Console(file=page, width=120, color_system=None)))
    return page.getvalue()


@pytest.mark.parametrize("until", ["collect", "general"])
def test_stages_whose_work_is_files_alone_show_nothing(until: str, tmp_path: Path) -> None:
    assert shown(tmp_path, until) == ""


def test_after_curate_every_arms_funnel_is_shown(tmp_path: Path) -> None:
    text = shown(tmp_path, "curate")
    assert text.count("From tasks to training data") == 2
    assert "6 below the reward threshold" in text


def test_after_tune_every_arms_model_is_named(tmp_path: Path) -> None:
    lines = shown(tmp_path, "tune").splitlines()
    assert [line.rpartition("run/")[2] for line in lines] == [
        "arms/slow-0/tune/model",
        "arms/fast-0/tune/model",
    ]


def test_a_folder_below_here_is_shown_as_people_type_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert "→ run/arms/slow-0/tune/model" in shown(tmp_path, "tune")


@pytest.mark.parametrize(("until", "page"), [("evaluate", False), ("report", True)])
def test_after_evaluate_every_system_stands_in_one_table(until: str, page: bool, tmp_path: Path) -> None:
    text = shown(tmp_path, until)
    assert [name for name in ("base", "slow", "fast") if name in text] == ["base", "slow", "fast"]
    assert text.count("75 %") == 2
    assert text.count("25 %") == 1
    assert ("report/index.html" in text) == page
