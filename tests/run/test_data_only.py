"""A recipe that makes training data alone: nothing is tuned or measured, and the page shows the data."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from trajectune.curate.formats import read_examples
from trajectune.errors import RecipeError
from trajectune.report.page import read_page
from trajectune.run.display import Display
from trajectune.run.plan import plan_recipe
from trajectune.run.recipe import Recipe, check_recipe, load_recipe
from trajectune.run.run import run_recipe
from trajectune.run.study import stages_of

RECIPES = Path(__file__).parents[2] / "recipes"
DATA = {
    "name": "data",
    "model": "tiny",
    "data_only": True,
    "environments": {
        "database": {"options": {"train": 6}, "collect": 6},
        "knowledge_graph": {"options": {"train": 4}, "collect": 4},
    },
    "curate": {"eta": 1, "validation": 0, "export": "agentinstruct"},
}


@pytest.fixture(scope="module")
def recipe() -> Recipe:
    return check_recipe(DATA, where="here")


@pytest.fixture(scope="module")
def shown() -> io.StringIO:
    return io.StringIO()


@pytest.fixture(scope="module")
def made(recipe: Recipe, shown: io.StringIO, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data") / "run"
    return run_recipe(recipe, folder, display=Display(Console(file=shown, width=100)))


def test_the_page_shows_the_data_and_no_model(made: Path) -> None:
    page = read_page(made / "report" / "page.json")
    assert {row.source: row.kept for row in page.funnel} == {"database": 6, "knowledge_graph": 4}
    assert not page.entries
    assert not page.losses
    assert [stage.stage for stage in page.stages] == ["collect", "general", "curate"]
    assert all((made / path).exists() for path in page.files.values())
    text = (made / "report" / "index.html").read_text(encoding="utf-8")
    assert "10 of 10 episodes became training data, from 2 sources." in text


def test_nothing_is_tuned_or_measured(made: Path) -> None:
    assert not (made / "tune").exists()
    assert not (made / "evaluate").exists()


def test_the_funnel_is_told(made: Path, shown: io.StringIO) -> None:
    del made
    assert "From tasks to training data" in shown.getvalue()


def test_each_source_is_exported_in_the_asked_format(made: Path) -> None:
    export = made / "curate" / "export"
    assert sorted(path.name for path in export.iterdir()) == ["database.parquet", "knowledge_graph.parquet"]
    train = list(read_examples(made / "curate" / "train.jsonl"))
    for path in export.iterdir():
        own = [row for row in train if row.source == path.stem]
        exported = list(read_examples(path, format="agentinstruct"))
        assert [[(turn.role, turn.content, turn.trained) for turn in row.messages] for row in exported] == [
            [(turn.role, turn.content, turn.trained) for turn in row.messages] for row in own
        ]


def test_a_second_run_makes_nothing_again(made: Path, recipe: Recipe) -> None:
    before = {path: path.stat().st_mtime_ns for path in made.rglob("*.jsonl")}
    run_recipe(recipe, made, display=Display(Console(quiet=True)))
    assert {path: path.stat().st_mtime_ns for path in made.rglob("*.jsonl")} == before


@pytest.mark.parametrize("stage", ["tune", "evaluate"])
def test_a_stage_that_it_has_not_is_refused(stage: str, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="training data alone"):
        run_recipe(recipe, tmp_path / "run", stage, display=Display(Console(quiet=True)))


def test_there_is_no_tuning_to_plan(recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match="training data alone"):
        plan_recipe(recipe)


def test_a_study_needs_tuned_models() -> None:
    with pytest.raises(RecipeError, match="a study compares tuned models"):
        check_recipe(DATA | {"study": {"arms": {"one": {"seed": 1}}}}, where="here")


def test_the_shipped_recipe_has_the_papers_sizes() -> None:
    recipe = load_recipe(RECIPES / "agentinstruct.yaml")
    assert [stage.name for stage in stages_of(recipe)] == ["collect", "general", "curate"]
    counts = {name: spec.collect for name, spec in recipe.environments.items()}
    assert counts.pop("household") >= 336  # the expert may miss a few
    assert counts == {
        "database": 538,
        "web_shop": 351,
        "knowledge_graph": 324,
        "operating_system": 195,
        "web_navigation": 122,
    }
