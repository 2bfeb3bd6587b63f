"""Laws of recipes: dumped and loaded they are equal, and a changed key changed back changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trajectune.run.recipe import Recipe, check_recipe, dump_recipe, load_recipe, override

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=6)
NAMES = st.from_regex(r"[a-zé][a-z0-9-]{0,5}", fullmatch=True)
VALUES = st.none() | st.booleans() | st.integers(-9, 9) | WORDS | st.lists(st.integers(0, 9), max_size=2)


def some(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """A section with any of these fields."""
    return st.fixed_dictionaries({}, optional=fields)


LIMITS = {
    "batch_size": st.integers(1, 9),
    "max_context": st.integers(64, 999),
    "bad_format_limit": st.integers(1, 3),
    "repetition_limit": st.none() | st.integers(1, 3),
}
SOURCES = st.fixed_dictionaries(
    {"data": st.sampled_from(["hf:a/b", "file.jsonl"])},
    optional={"rows": st.none() | st.integers(1, 99), "weight": st.floats(0.01, 9)},
)
ENVIRONMENTS = some(
    environment=NAMES,
    options=st.dictionaries(NAMES, VALUES, max_size=2),
    collect=st.integers(0, 9),
    threshold=st.none() | st.floats(0, 1),
    split=st.sampled_from(["train", "dev", "test"]),
)
CHANGES = st.dictionaries(
    st.sampled_from(["curate.eta", "tune.learning_rate"]), st.floats(0.001, 1), max_size=2
)
STUDIES = st.fixed_dictionaries(
    {"arms": st.dictionaries(NAMES, CHANGES, min_size=1, max_size=3)},
    optional={"seeds": st.lists(st.integers(0, 9), min_size=1, max_size=3)},
)
SUITES = st.dictionaries(NAMES, VALUES, max_size=2).map(lambda options: {**options, "suite": "m:C"})
SHRUNK = st.fixed_dictionaries({"shrink": NAMES}, optional={"layers": st.integers(2, 30)})
RECIPES = st.fixed_dictionaries(
    {"name": WORDS},
    optional={
        "seed": st.integers(-9, 9),
        "model": NAMES | SHRUNK,
        "dialect": NAMES,
        "environments": st.dictionaries(NAMES, ENVIRONMENTS, max_size=2),
        "agent": some(kind=st.sampled_from(["expert", "local"]), temperature=st.floats(0, 2)),
        "rollout": some(**LIMITS),
        "evaluate": some(general=st.booleans(), **LIMITS),
        "curate": some(
            eta=st.floats(0, 1),
            general=st.dictionaries(NAMES, SOURCES, max_size=2),
            steps=st.lists(st.sampled_from(["deduplicate", {"filter": {"per_task": 2}}]), max_size=2),
        ),
        "tune": some(
            epochs=st.floats(0.1, 9), seed=st.none() | st.integers(0, 9), lora=st.just({"rank": 2})
        ),
        "suites": st.dictionaries(
            NAMES,
            st.dictionaries(NAMES, VALUES, max_size=2).map(lambda o: {**o, "suite": "m:C"}),
            max_size=2,
        ),
        "study": st.none() | STUDIES,
    },
).map(lambda data: check_recipe(data, where="a property"))


@given(RECIPES)
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50, deadline=None)
def test_a_dumped_recipe_is_loaded_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, recipe: Recipe
) -> None:
    path = tmp_path_factory.mktemp("recipes") / "x.yaml"
    path.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(path) == recipe
    assert dump_recipe(load_recipe(path)) == dump_recipe(recipe)


@given(RECIPES, st.floats(0, 1))
@settings(suppress_health_check=[HealthCheck.too_slow], max_examples=50, deadline=None)
def test_a_key_that_is_changed_and_changed_back_changes_nothing(recipe: Recipe, eta: float) -> None:
    changed = override(recipe, {"curate.eta": eta})
    assert changed.curate.eta == eta
    assert override(changed, {"curate.eta": recipe.curate.eta}) == recipe
    assert override(recipe, {}) == recipe


def test_every_default_is_written_out() -> None:
    """So that a stored recipe says the same under a later version with other defaults."""
    written = yaml.safe_load(dump_recipe(Recipe(name="x")))
    assert written.keys() == Recipe.model_fields.keys()
    assert written["curate"]["steps"] == [{"filter": {"per_task": 1}}]
    assert written["tune"]["epochs"] == Recipe(name="x").tune.epochs


def test_letters_of_all_languages_stand_in_the_file_as_they_are(tmp_path: Path) -> None:
    recipe = Recipe(name="β – größer")
    assert "β – größer" in dump_recipe(recipe)
    (tmp_path / "x.yaml").write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(tmp_path / "x.yaml").name == "β – größer"
