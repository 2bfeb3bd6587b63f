"""A run directory remembers what is done, and belongs to one recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.errors import RecipeError
from trajectune.run.directory import RunDirectory, changed_keys
from trajectune.run.recipe import Recipe


def test_a_stage_is_done_only_after_its_body(tmp_path: Path) -> None:
    run = RunDirectory(tmp_path / "run", Recipe(name="x"))
    with pytest.raises(KeyboardInterrupt), run.running("collect"):
        raise KeyboardInterrupt
    assert not run.is_done("collect")
    with run.running("collect") as folder:
        assert folder == tmp_path / "run" / "collect"
    assert RunDirectory(tmp_path / "run", Recipe(name="x")).is_done("collect")
    assert run.seconds("collect") >= 0


def test_another_recipe_is_refused_and_the_keys_are_named(tmp_path: Path) -> None:
    with RunDirectory(tmp_path / "run", Recipe(name="x")).running("collect"):
        pass
    with pytest.raises(RecipeError, match="seed") as caught:
        RunDirectory(tmp_path / "run", Recipe(name="x", seed=1))
    assert "--run-dir" in str(caught.value)


def test_a_mended_recipe_may_have_a_directory_in_which_nothing_was_made(tmp_path: Path) -> None:
    RunDirectory(tmp_path / "run", Recipe(name="x")).folder("collect")
    RunDirectory(tmp_path / "run", Recipe(name="x", seed=1))
    assert "seed: 1" in (tmp_path / "run" / "recipe.yaml").read_text(encoding="utf-8")


def test_a_folder_with_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(RecipeError, match="something else"):
        RunDirectory(tmp_path, Recipe(name="x"))
    with pytest.raises(RecipeError, match="something else"):
        RunDirectory(tmp_path / "thesis.txt", Recipe(name="x"))
    assert (tmp_path / "thesis.txt").read_text(encoding="utf-8") == "mine"


def test_changed_keys_names_the_deepest_difference() -> None:
    assert changed_keys({"a": {"b": 1, "c": 2}}, {"a": {"b": 1, "c": 3}, "d": 4}) == ["a.c", "d"]
    assert changed_keys({"a": 1}, {"a": 1}) == []
