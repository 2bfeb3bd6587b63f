"""Recipes of the modes that studies replaced are refused with the study that says the same."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from trajectune.errors import RecipeError
from trajectune.run.recipe import Recipe, check_recipe


def shown(data: dict[str, Any]) -> Recipe:
    """The recipe that the error tells to write."""
    with pytest.raises(RecipeError, match="is now written as `study`") as caught:
        check_recipe(data, where="old.yaml")
    assert "old.yaml" in str(caught.value)
    text = caught.value.remedy.partition(":\n")[2]
    kept = {key: value for key, value in data.items() if key not in ("ablation", "upscale")}
    return check_recipe(kept | yaml.safe_load(text), where="new.yaml")


def test_an_ablation_is_shown_as_a_study() -> None:
    arms = {"agent-only": {"curate.eta": 1.0}, "mixed": {}}
    study = shown({"name": "x", "ablation": {"seeds": [0, 1], "arms": arms}}).study
    assert study is not None
    assert (study.seeds, study.arms, study.systems) == ([0, 1], arms, None)


def test_up_scaling_is_shown_as_a_study() -> None:
    old = {"layers": 3, "rows": 9, "alphas": [0.5], "betas": [2.0]}
    study = shown({"name": "x", "model": "tiny", "upscale": old}).study
    assert study is not None
    assert study.arms["small"] == {"model": {"shrink": "tiny", "layers": 3, "rows": 9}}
    assert study.systems is not None
    assert list(study.systems)[-2:] == ["α = 0.5", "β = 2"]
    assert study.comparisons is not None
    assert list(study.comparisons.curves.values())[1] == {0: "small tuned", 1: "emulated", 2: "β = 2"}


def test_a_small_model_that_was_named_is_named_again() -> None:
    study = shown({"name": "x", "upscale": {"small": "my/small"}}).study
    assert study is not None
    assert study.arms["small"] == {"model": "my/small"}


@pytest.mark.parametrize("section", ["ablation", "upscale"])
def test_a_section_that_is_empty_is_no_mode(section: str) -> None:
    with pytest.raises(RecipeError, match=f"{section}: unknown key"):
        check_recipe({"name": "x", section: None}, where="")
