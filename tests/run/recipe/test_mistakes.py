"""What a user is told of a wrong recipe: every mistake, each once, by the key that was written."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from pydantic import BaseModel

from trajectune.composition.files import Emulation
from trajectune.errors import RecipeError
from trajectune.run.recipe import Recipe, check_recipe
from trajectune.run.recipe.sections import (
    AgentSpec,
    CurateSpec,
    EnvironmentSpec,
    EvaluateSpec,
    RolloutSpec,
    ShrinkSpec,
    SourceSpec,
    TuneSpec,
)
from trajectune.run.recipe.study import ComparisonsSpec, GapSpec, StudySpec
from trajectune.tune.settings import LoraSettings

SYSTEMS = {"s": "a/base"}
PLACES: dict[str, type[BaseModel]] = {
    "": Recipe,
    "model": ShrinkSpec,
    "agent": AgentSpec,
    "environments.db": EnvironmentSpec,
    "rollout": RolloutSpec,
    "curate": CurateSpec,
    "curate.agent.mine": SourceSpec,
    "curate.general.chat": SourceSpec,
    "tune": TuneSpec,
    "tune.lora": LoraSettings,
    "evaluate": EvaluateSpec,
    "study": StudySpec,
    "study.comparisons": ComparisonsSpec,
    "study.comparisons.gaps.0": GapSpec,
    "study.systems.s": Emulation,
}
"""Where each section stands in a recipe."""


def with_key(place: str, key: str) -> dict[str, Any]:
    """A recipe with one key in the section at `place`."""
    value: Any = {key: 1}
    for part in reversed(place.split(".") if place else []):
        value = [value] if part.isdigit() else {part: value}
    return {"name": "x", **value}


def said(data: dict[str, Any]) -> list[str]:
    with pytest.raises(RecipeError) as caught:
        check_recipe(data, where="my.yaml")
    assert "docs/recipes.md" in caught.value.remedy
    return caught.value.what.split("\n    ")[1:]


def misspelt() -> list[tuple[str, str, str]]:
    """Each field of each section with a letter doubled, beside the nearest name."""
    found = []
    for place, section in PLACES.items():
        for name in section.model_fields:
            wrong = name[:-1] + name[-1] * 2
            (nearest,) = difflib.get_close_matches(wrong, section.model_fields, n=1)
            found.append((place, wrong, nearest))
    return found


@pytest.mark.parametrize(("place", "wrong", "nearest"), misspelt())
def test_a_misspelt_key_of_any_section_is_told_how_it_is_spelt(
    place: str, wrong: str, nearest: str
) -> None:
    key = f"{place}.{wrong}".removeprefix(".")
    assert f"{key}: unknown key; did you mean `{nearest}`?" in said(with_key(place, wrong))


def test_a_key_that_is_like_no_other_is_told_what_there_is() -> None:
    (line,) = said(with_key("study.comparisons", "zzz"))[:1]
    assert line == "study.arms: Field required" or "known here: changes, curves, gaps" in line
    assert "study.comparisons.zzz: unknown key; known here: changes, curves, gaps" in said(
        with_key("study.comparisons", "zzz")
    )


def test_all_mistakes_are_named_at_once_and_each_once() -> None:
    lines = said({"sed": 1, "curate": {"eta": 2, "etta": 1}, "agent": {"workers": 0}})
    assert [line.partition(":")[0] for line in lines] == [
        "name", "agent.workers", "curate.eta", "curate.etta", "sed",
    ]  # fmt: skip
    model = said({"name": "x", "model": {"shrink": "tiny", "layers": "many"}})
    assert len(model) == len(set(model))
    assert any(line.startswith("model.layers: ") for line in model)


def test_what_no_field_is_to_blame_for_has_no_empty_key() -> None:
    (line,) = said({"name": "x", "agent": {"kind": "endpoint"}})
    assert line.startswith("agent: ")
    assert not any(line.startswith(":") for line in said({"name": "x", "study": 3}))
