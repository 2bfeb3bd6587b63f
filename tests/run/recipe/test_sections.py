"""Every bound of every field of a recipe: the last value that is taken and the first that is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from trajectune.errors import RecipeError
from trajectune.rollout.spending import Budget, Price
from trajectune.run.recipe import Recipe, check_recipe
from trajectune.run.recipe.sections import (
    AgentSpec,
    CurateSpec,
    EnvironmentSpec,
    EvaluateSpec,
    RolloutSpec,
    ShrinkSpec,
    SourceSpec,
    SuiteSpec,
)

BOUNDS: list[tuple[str, Any, Any]] = [
    ("model.layers", 2, 1),
    ("model.rows", 1, 0),
    ("model.epochs", 0.01, 0),
    ("agent.workers", 1, 0),
    ("agent.temperature", 0, -0.1),
    ("agent.requests_per_minute", 0.1, 0),
    ("agent.tokens_per_minute", 0.1, 0),
    ("agent.price.prompt", 0, -0.1),
    ("agent.price.generated", 0, -0.1),
    ("agent.budget.tokens", 1, 0),
    ("agent.budget.money", 0.01, 0),
    ("environments.db.collect", 0, -1),
    ("environments.db.attempts", 1, 0),
    ("environments.db.evaluate", 0, -1),
    ("curate.eta", 0, -0.01),
    ("curate.eta", 1, 1.01),
    ("curate.validation", 0, -1),
    ("curate.general.chat.rows", 1, 0),
    ("curate.general.chat.weight", 0.01, 0),
    ("rollout.batch_size", 1, 0),
    ("rollout.max_new_tokens", 1, 0),
    ("rollout.max_context", 64, 63),
    ("rollout.bad_format_limit", 1, 0),
    ("rollout.repetition_limit", 1, 0),
    ("rollout.history_limit", 1, 0),
    ("evaluate.max_new_tokens", 1, 0),
    ("evaluate.repetition_limit", None, 0),
]
KINDS: list[tuple[str, Any, Any]] = [
    ("agent.kind", "local", "oracle"),
    ("environments.db.split", "dev", "validation"),
    ("environments.db.options", {"train": 1}, [1]),
    ("evaluate.general", False, "perhaps"),
    ("seed", -1, "one"),
    ("curate.steps", ["deduplicate", {"filter": None}], "deduplicate"),
]


def recipe(key: str, value: Any) -> dict[str, Any]:
    """A recipe in which one dotted key is set."""
    data: dict[str, Any] = {"name": "x"}
    place = data
    *parents, last = key.split(".")
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    if parents == ["model"]:
        place["shrink"] = "tiny"
    if last == "money":
        data["agent"]["price"] = {"prompt": 1}
    if "general" in parents:
        place["data"] = "self"
    return data


def found(checked: BaseModel, key: str) -> Any:
    value: Any = checked
    for part in key.split("."):
        value = value[part] if isinstance(value, dict) else getattr(value, part)
    return value


@pytest.mark.parametrize(("key", "good", "bad"), BOUNDS + KINDS)
def test_the_last_good_value_is_taken_and_the_first_bad_one_is_named(key: str, good: Any, bad: Any) -> None:
    assert found(check_recipe(recipe(key, good), where=""), key) == good
    with pytest.raises(RecipeError) as caught:
        check_recipe(recipe(key, bad), where="my.yaml")
    assert f"    {key}: " in caught.value.what
    assert caught.value.where == "my.yaml"


def test_no_bound_is_without_a_test() -> None:
    """A new field with a bound belongs into the table above."""
    tested = {key.rpartition(".")[2] for key, *_ in BOUNDS}
    own = (AgentSpec, CurateSpec, EnvironmentSpec, EvaluateSpec, RolloutSpec, ShrinkSpec, SourceSpec)
    sections = (*own, Budget, Price)
    properties = [item for each in sections for item in each.model_json_schema()["properties"].items()]
    bounded = {name for name, schema in properties if "inimum" in json.dumps(schema)}
    assert bounded == tested


@pytest.mark.parametrize("missing", ["url", "model"])
def test_an_endpoint_needs_an_address_and_a_model(missing: str) -> None:
    agent = {"kind": "endpoint", "url": "http://x/v1", "model": "m"}
    assert check_recipe({"name": "x", "agent": agent}, where="").agent.url == "http://x/v1"
    del agent[missing]
    with pytest.raises(RecipeError, match=r"agent: .*an endpoint agent needs `url` and `model`"):
        check_recipe({"name": "x", "agent": agent}, where="")


@pytest.mark.parametrize(
    ("agent", "said"),
    [
        ({"headers": {"X-Api-Key": "sk-1"}}, "would be stored .*`header_variables`"),
        ({"headers": {"Authorization": "Basic sk-1"}}, "would be stored"),
        ({"headers": {"not a name": "x"}}, "is no name of a header"),
        ({"headers": {"X-Title": "two\nlines"}}, "cannot be sent"),
        ({"body": {"messages": []}}, "`body` cannot hold messages"),
        ({"body": {"stream": True}}, "`body` cannot hold stream"),
        ({"budget": {"money": 1}}, "needs `price`"),
    ],
)
def test_what_cannot_be_sent_or_kept_to_is_refused_and_no_secret_is_told(
    agent: dict[str, Any], said: str
) -> None:
    with pytest.raises(RecipeError, match=rf"agent: .*{said}") as caught:
        check_recipe({"name": "x", "agent": agent}, where="")
    assert "sk-1" not in str(caught.value)


def test_a_name_is_an_agent_source_or_a_general_one() -> None:
    both = {name: {"data": "hf:a/b"} for name in ("talk", "chat")}
    with pytest.raises(RecipeError, match="share names: chat, talk"):
        check_recipe({"name": "x", "curate": {"agent": both, "general": both}}, where="")


def test_only_general_data_may_be_the_models_own() -> None:
    with pytest.raises(RecipeError, match="`data: self` is for general sources"):
        check_recipe({"name": "x", "curate": {"agent": {"a": {"data": "self"}}}}, where="")


def test_further_keys_of_a_suite_are_its_options() -> None:
    spec = SuiteSpec.model_validate({"suite": "my:Suite", "tasks": 3, "deep": {"a": [1]}})
    assert spec.options == {"tasks": 3, "deep": {"a": [1]}}
    assert SuiteSpec(suite="my:Suite").options == {}


def test_collecting_and_measuring_have_the_same_limits_each_its_own() -> None:
    """Wrong before: one section governed both, and their defaults differed."""
    both = Recipe(name="x")
    for name in RolloutSpec.model_fields:
        assert getattr(both.rollout, name) == getattr(both.evaluate, name), name
    changed = check_recipe({"name": "x", "evaluate": {"bad_format_limit": 3}}, where="")
    assert (changed.rollout.bad_format_limit, changed.evaluate.bad_format_limit) == (1, 3)


@pytest.mark.parametrize("own", [{"budget": {"tokens": 5}}, {"price": {"prompt": 1.0}}])
def test_an_environments_agent_has_no_budget_of_its_own(own: dict[str, object]) -> None:
    environments = {"database": {"agent": {"kind": "expert", **own}}}
    with pytest.raises(RecipeError, match="are for the whole collection: put them under `agent`"):
        check_recipe({"name": "x", "environments": environments}, where="")
