"""A recipe is checked whole, and its errors name the key and the remedy."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from trajectune.errors import RecipeError
from trajectune.run.recipe import Recipe, check_recipe, dump_recipe, load_recipe, override

RECIPES = Path(__file__).parents[3] / "recipes"


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_every_shipped_recipe_is_valid(path: Path) -> None:
    recipe = load_recipe(path)
    assert recipe.name == path.stem


def test_dump_and_load_give_the_same_recipe(tmp_path: Path) -> None:
    recipe = Recipe(name="x", seed=3)
    path = tmp_path / "x.yaml"
    path.write_text(dump_recipe(recipe), encoding="utf-8")
    assert load_recipe(path) == recipe


@pytest.mark.parametrize(
    ("data", "key", "suggestion"),
    [
        ({"name": "x", "sed": 1}, "sed", "`seed`"),
        ({"name": "x", "curate": {"etta": 1}}, "curate.etta", "`eta`"),
        ({"name": "x", "tune": {"learning_rat": 1}}, "tune.learning_rat", "`learning_rate`"),
        ({"name": "x", "environments": {"db": {"colect": 1}}}, "environments.db.colect", "`collect`"),
        ({"name": "x", "study": {"arm": {}}}, "study.arm", "`arms`"),
        ({"name": "x", "tune": {"lora": {"rnk": 1}}}, "tune.lora.rnk", "`rank`"),
        ({"name": "x", "model": {"shrink": "tiny", "layrs": 3}}, "model.layrs", "`layers`"),
        ({"name": "x", "rollout": {"max_tokens": 3}}, "rollout.max_tokens", "`max_new_tokens`"),
        ({"name": "x", "curate": {"general": {"a": {"row": 1}}}}, "curate.general.a.row", "`rows`"),
    ],
)
def test_an_unknown_key_is_an_error_with_a_suggestion(data: dict, key: str, suggestion: str) -> None:
    with pytest.raises(RecipeError) as caught:
        check_recipe(data, where="a recipe")
    message = str(caught.value)
    assert f"{key}: unknown key" in message
    assert suggestion in message
    assert "a recipe" in message


def test_a_wrong_value_names_its_key() -> None:
    with pytest.raises(RecipeError, match=r"curate\.eta: .*less than or equal to 1"):
        check_recipe({"name": "x", "curate": {"eta": 2}}, where="")


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "a: [", "\x00"])
def test_a_file_that_is_no_recipe_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError, match=r"bad\.yaml"):
        load_recipe(path)


@pytest.mark.parametrize("name", ["missing.yaml", "."])
def test_a_path_that_is_no_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecipeError, match="cannot be read"):
        load_recipe(tmp_path / name)


def test_override_changes_dotted_keys_and_checks_them() -> None:
    recipe = Recipe(name="x")
    assert override(recipe, {"curate.eta": 1.0, "seed": 5}).curate.eta == 1.0
    with pytest.raises(RecipeError, match="curat: unknown key; did you mean `curate`"):
        override(recipe, {"curat.eta": 1.0})
    with pytest.raises(RecipeError, match=r"curate\.etta: unknown key"):
        override(recipe, {"curate.etta": 1.0})
    with pytest.raises(RecipeError, match=r"no such key to change: name\.x"):
        override(recipe, {"name.x": 1})


def test_override_makes_the_sections_that_a_key_stands_in() -> None:
    lora = override(Recipe(name="x"), {"tune.lora.rank": 4}).tune.lora
    assert lora is not None
    assert (lora.rank, lora.alpha) == (4, 32)
    assert override(Recipe(name="x"), {"environments.e.collect": 3}).environments["e"].collect == 3


def test_the_seed_of_tuning_is_the_recipes_unless_it_has_its_own() -> None:
    assert Recipe(name="x", seed=3).tune_seed == 3
    own = override(Recipe(name="x", seed=3), {"tune.seed": 0})
    assert (own.tune_seed, own.tune.settings(own.seed).seed) == (0, 0)


@pytest.mark.parametrize(
    ("study", "said"),
    [
        ({"arms": {}}, "at least one arm"),
        ({"arms": {"a": {}}, "seeds": []}, "at least 1"),
        ({"arms": {"a b": {}, "a-b": {}}}, "the same file name"),
        ({"arms": {"a": {}}, "systems": {"s": "b/base"}}, "`b/base` is no system"),
        ({"arms": {"a": {}}, "systems": {"s": "a/other"}}, "`a/other` is no system"),
        ({"arms": {"a": {}}, "systems": {"s": "a"}}, "`a` is no system"),
        (
            {"arms": {"a": {}}, "systems": {"s": {"models": {"large": "a/tund"}}}},
            "`a/tund` is no system",
        ),
        (
            {"arms": {"a": {}}, "systems": {"s": "a/base"}, "comparisons": {"changes": [["s", "t"]]}},
            "no system has the name t",
        ),
        (
            {"arms": {"a": {}}, "comparisons": {"changes": [["base", "b"]]}},
            "no system has the name b",
        ),
    ],
)
def test_a_study_that_names_what_is_not_there_is_refused(study: dict, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        check_recipe({"name": "x", "study": study}, where="")


def test_the_page_of_fields_is_up_to_date() -> None:
    docs = RECIPES.parent / "docs"
    spec = importlib.util.spec_from_file_location("recipe_fields", docs / "recipe_fields.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    written = (docs / "recipes.md").read_text(encoding="utf-8")
    assert written == module.page(), "run: python docs/recipe_fields.py > docs/recipes.md"


def test_override_puts_a_section_in_place_of_a_value_where_both_may_stand() -> None:
    changed = override(Recipe(name="x"), {"model.shrink": "tiny", "model.layers": 2})
    assert changed.source_model == "tiny"
    with pytest.raises(RecipeError, match=r"model\.layrs: unknown key; did you mean `layers`"):
        override(Recipe(name="x"), {"model.shrink": "tiny", "model.layrs": 2})
    with pytest.raises(RecipeError, match=r"no such key to change: curate\.steps\.filter\.per_task"):
        override(Recipe(name="x"), {"curate.steps.filter.per_task": 2})
