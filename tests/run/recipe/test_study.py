"""The section `study`: what its names may be, and what they are as parts of a path."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trajectune.errors import RecipeError, TrajectuneError
from trajectune.run.display import Display
from trajectune.run.recipe import Recipe, override
from trajectune.run.recipe.study import ComparisonsSpec, StudySpec, file_name

ARMS: dict[str, Any] = {"a": {}, "b": {"seed": 1}}


@given(st.text())
def test_a_name_is_one_harmless_part_of_a_path(name: str) -> None:
    part = file_name(name)
    assert part
    assert "/" not in part
    assert part not in (".", "..")
    assert not part.startswith((".", "-"))
    assert file_name(part) == part
    assert part.isprintable()


@pytest.mark.parametrize(
    ("name", "part"), [("α = 0.5", "α-0.5"), ("../x", "x"), ("a/b", "a-b"), ("…", "_"), ("", "_")]
)
def test_letters_digits_and_a_few_marks_stay(name: str, part: str) -> None:
    assert file_name(name) == part


def spec(**section: Any) -> StudySpec:
    return StudySpec.model_validate({"arms": ARMS, **section})


def composed(**models: str) -> dict[str, Any]:
    return {"form": "upscale", "models": models}


@pytest.mark.parametrize(
    "systems",
    [
        {"s": "a/base", "t": "b/tuned"},
        {"s": composed(large="a/base", tuned="b/tuned", base="b/base")},
        {"s": composed(large="a/tuned", tuned="my/model", base="/some/folder")},
        {"s": composed(large="my/tuned", tuned="owner/name", base="embedded")},
    ],
)
def test_a_system_is_an_arms_model_or_a_composition_of_these_and_others(systems: dict[str, Any]) -> None:
    assert (spec(systems=systems).systems or {}).keys() == systems.keys()


@pytest.mark.parametrize("model", ["a", "c/base", "a/", "/base", "a/base/base", "a/Base", "my/model"])
def test_a_system_that_no_arm_has_is_told_which_arms_there_are(model: str) -> None:
    with pytest.raises(ValidationError, match=f"`{model}` is no system.*with an ARM of a, b"):
        spec(systems={"s": model})


@pytest.mark.parametrize("role", ["large", "tuned", "base"])
def test_a_part_of_an_arm_that_there_is_not_is_refused_in_a_composition(role: str) -> None:
    models = {"large": "a/base", "tuned": "b/tuned", "base": "b/base", role: "a/best"}
    with pytest.raises(ValidationError, match="`a/best` is no system"):
        spec(systems={"s": composed(**models)})


COMPARISONS: list[dict[str, Any]] = [
    {"changes": [["a", "NAME"]]},
    {"changes": [["NAME", "a"]]},
    {"gaps": [{"floor": "NAME", "system": "a", "ceiling": "b"}]},
    {"gaps": [{"floor": "a", "system": "NAME", "ceiling": "b"}]},
    {"gaps": [{"floor": "a", "system": "b", "ceiling": "NAME"}]},
    {"curves": {"w": {0: "a", 1: "NAME"}}},
]


def naming(comparisons: Any, name: str) -> Any:
    """The comparisons with a name in the place of `NAME`."""
    if isinstance(comparisons, dict):
        return {key: naming(each, name) for key, each in comparisons.items()}
    if isinstance(comparisons, list):
        return [naming(each, name) for each in comparisons]
    return name if comparisons == "NAME" else comparisons


@pytest.mark.parametrize("comparisons", COMPARISONS)
def test_every_name_of_a_comparison_is_looked_up(comparisons: Any) -> None:
    for known in ("a", "b", "base", "base (a)"):
        found = spec(comparisons=naming(comparisons, known)).comparisons
        assert isinstance(found, ComparisonsSpec)
        assert known in set(found.names())
    for unknown in ("c", "base (c)", "a/base"):
        with pytest.raises(ValidationError, match="no system has the name"):
            spec(comparisons=naming(comparisons, unknown))


def test_named_systems_take_the_place_of_the_arms() -> None:
    with pytest.raises(ValidationError, match="no system has the name b"):
        spec(systems={"a": "a/tuned"}, comparisons={"changes": [["a", "b"]]})


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"arms": {"a": {"curate.etta": 1}}}, r"curate\.etta: unknown key"),
        ({"arms": {"a": {"curate.eta": 2}}}, r"curate\.eta: .*less than or equal to 1"),
        ({"arms": {"a": {"environments.db.environment": "databse"}}}, "did you mean 'database'"),
        ({"arms": {"a": {"dialect": "recat"}}}, "did you mean 'react'"),
        ({"arms": {"a": {"model": "/no/such"}}}, "no such model"),
        ({"arms": {"a": {}}, "comparisons": {"changes": [["base (a)", "a"]]}}, r"the name base \(a\)"),
    ],
)
def test_what_is_wrong_with_any_arm_is_said_before_any_work(
    section: dict[str, Any], said: str, tmp_path: Any, quiet: Display
) -> None:
    from trajectune.run.run import run_recipe

    plain = override(Recipe(name="x", model="tiny"), {"environments.db.environment": "database"})
    with pytest.raises(TrajectuneError, match=said):
        run_recipe(override(plain, {"study": section}), tmp_path / "run", display=quiet)
    assert not (tmp_path / "run").exists()


def test_a_recipe_error_names_the_study() -> None:
    with pytest.raises(RecipeError, match=r"study: .*at least one arm"):
        override(Recipe(name="x"), {"study": {"arms": {}}})
