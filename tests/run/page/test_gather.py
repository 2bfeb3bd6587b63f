"""The page of a study: a list over arms or systems, each row named after its arm where they differ."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from run.page.study_results import make, study
from trajectune.report.contents import Page
from trajectune.report.page import read_page
from trajectune.run.directory import RunDirectory
from trajectune.run.page.comparing import Measured
from trajectune.run.page.gather import gather, write_report
from trajectune.run.stage import Work

CHAT = {"general": {"chat": {"data": "hf:a/b"}}}
ETA = {"half": {"curate.eta": 0.5}, "all": {"curate.eta": 1.0}}
RATE = {"slow": {"tune.learning_rate": 1e-5}, "fast": {"tune.learning_rate": 1e-3}}


def page_of(folder: Path, section: Mapping[str, Any] | None) -> Page:
    found, home = study(section, curate=CHAT), RunDirectory(folder / "run")
    make(home, found, lambda _: 0.5)
    return gather(Work(found.report, home.folder), found, Measured(found, home.folder))


def test_a_plain_run_names_no_arm(tmp_path: Path) -> None:
    page = page_of(tmp_path, None)
    assert [row.source for row in page.funnel] == ["database"]
    assert [(row.source, row.role) for row in page.mixture] == [("database", "agent"), ("chat", "general")]
    assert [curve.name for curve in page.losses] == ["chat", "database"]
    assert [entry.system for entry in page.entries] == ["base", "tuned"]
    assert [stage.stage for stage in page.stages] == [
        "collect", "general", "curate", "tune", "evaluate/base", "evaluate/tuned",
    ]  # fmt: skip


def test_arms_that_share_a_result_show_it_once_and_unnamed(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"arms": RATE})
    assert [row.source for row in page.funnel] == ["database"]
    assert [row.source for row in page.mixture] == ["database", "chat"]
    assert [curve.name for curve in page.losses] == [
        "slow: chat", "slow: database", "fast: chat", "fast: database",
    ]  # fmt: skip


def test_arms_that_differ_are_named(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"arms": ETA})
    assert [row.source for row in page.funnel] == ["half: database", "all: database"]
    assert [row.source for row in page.mixture][::2] == ["half: database", "all: database"]


def test_seeds_are_named_where_they_make_the_difference(tmp_path: Path) -> None:
    page = page_of(tmp_path, {"seeds": [0, 5], "arms": {"a": {}}})
    assert [row.source for row in page.mixture] == ["database", "chat"]
    assert [curve.name for curve in page.losses][::2] == ["a, seed 0: chat", "a, seed 5: chat"]
    assert [(entry.system, entry.seed) for entry in page.entries] == [("base", 0), ("a", 0), ("a", 5)]


def test_a_curve_has_the_steps_that_saw_its_source(tmp_path: Path) -> None:
    chat, database = page_of(tmp_path, None).losses
    assert (chat.steps, chat.losses) == ([1], [1.0])
    assert (database.steps, database.losses) == ([1, 2], [1.0, 0.5])


def test_numbers_of_the_funnel_and_the_mixture_are_the_stages(tmp_path: Path) -> None:
    page = page_of(tmp_path, None)
    (row,) = page.funnel
    assert (row.tasks, row.episodes, row.passed, row.kept, row.turns) == (8, 8, 4, 4, 2.0)
    agent, general = page.mixture
    assert (agent.rows, agent.tokens, agent.trained_tokens, agent.share) == (4, 40, 16, 0.5)
    assert (general.rows, general.rejected, agent.rejected) == (6, 3, 0)


@pytest.mark.parametrize("section", [None, {"arms": ETA, "seeds": [0, 1]}])
def test_every_file_that_the_page_names_is_linked(section: Any, tmp_path: Path) -> None:
    found, home = study(section, curate=CHAT), RunDirectory(tmp_path / "run")
    make(home, found, lambda _: 0.5)
    for name, result in found.links().items():
        home.link(name, result)
    page = gather(Work(found.report, home.folder), found, Measured(found, home.folder))
    made = {name: path for name, path in page.files.items() if not path.endswith("/model")}
    assert len(made) >= 5
    assert [path for path in made.values() if not (home.path / path).exists()] == []


def test_the_page_is_written_beside_its_data(tmp_path: Path) -> None:
    found, home = study({"arms": ETA}, curate=CHAT), RunDirectory(tmp_path / "run")
    make(home, found, lambda _: 0.25)
    work = Work(found.report, home.folder)
    write_report(work, found)
    page = read_page(work.folder / "page.json")
    assert (page.title, page.model) == ("x", "tiny")
    assert page.settings == found.recipe.model_dump(mode="json")
    assert "half: database" in (work.folder / "index.html").read_text("utf-8")
