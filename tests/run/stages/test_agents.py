"""Who collects: what the recipe asks for is what is built, and no secret is in a fingerprint."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from trajectune.agents.endpoint import EndpointAgent
from trajectune.run.api.acting import Expert, Guided
from trajectune.run.recipe import Recipe, check_recipe
from trajectune.run.recipe.sections import AgentSpec
from trajectune.run.stages import agents
from trajectune.run.stages.agents import acting_base, agent_values, collecting_agent, needs_base

MADE = {"shrink": "tiny", "layers": 2}


def recipe(**sections: Any) -> Recipe:
    return check_recipe({"name": "x", "model": "tiny", **sections}, where="a test")


@pytest.mark.parametrize(
    ("model", "agent", "needed"),
    [
        ("tiny", {"kind": "local"}, False),
        (MADE, {"kind": "local"}, True),
        (MADE, {"kind": "local", "model": "tiny"}, False),
        (MADE, {"kind": "expert"}, False),
        (MADE, {"kind": "endpoint", "url": "http://x/v1", "model": "m"}, False),
        (MADE, {"kind": "guided"}, True),
        (MADE, {"kind": "guided", "url": "http://x/v1", "model": "m"}, False),
    ],
)
def test_a_made_model_is_needed_first_where_it_acts_itself(
    model: Any, agent: dict[str, str], needed: bool
) -> None:
    assert needs_base(recipe(model=model, agent=agent)) == needed


def test_an_expert_needs_no_model() -> None:
    assert isinstance(collecting_agent(recipe(), "no/such/model", print), Expert)


@pytest.mark.parametrize(("own", "loaded"), [("", "the/base"), ("my/model", "my/model")])
def test_a_local_agent_is_the_base_model_unless_another_is_named(
    own: str, loaded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[tuple[str, dict[str, Any]]] = []
    monkeypatch.setattr(agents, "LocalAgent", lambda model, **given: built.append((model, given)))
    agent = collecting_agent(
        recipe(
            agent={"kind": "local", "model": own, "temperature": 0.5},
            rollout={"batch_size": 3, "max_new_tokens": 7, "max_context": 99},
        ),
        "the/base",
        print,
    )
    assert not built, "weights are loaded where they are used"
    assert isinstance(agent, partial)
    agent()
    limits = {"batch_size": 3, "max_new_tokens": 7, "max_context": 99, "temperature": 0.5, "dtype": "auto"}
    assert built == [(loaded, limits)]


def test_an_endpoint_is_asked_as_the_recipe_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_KEY", "s3cret")
    spec = {"kind": "endpoint", "url": "http://x/v1", "model": "m", "key_variable": "MY_KEY", "workers": 3}
    asked = recipe(agent=spec)
    unbuilt = collecting_agent(asked, "unused", print)
    assert isinstance(unbuilt, partial)
    agent = unbuilt()
    assert isinstance(agent, EndpointAgent)
    assert (agent.name, agent.workers) == ("m", 3)
    agent.close()
    told = json.dumps(agent_values(asked)) + asked.model_dump_json()
    assert "s3cret" not in told


def test_what_identifies_the_agent_is_what_it_does() -> None:
    values = agent_values(recipe(agent={"kind": "endpoint", "url": "u", "model": "m"}))
    assert values == {
        "dialect": "agentbench",
        "temperature": 0.0,
        "max_new_tokens": 128,
        "max_context": 2048,
        "url": "u",
        "model": "m",
    }
    assert agent_values(recipe(dialect="react")) == agent_values(recipe(dialect="json")) == "expert"


def test_a_model_that_is_made_is_known_by_the_result_that_makes_it() -> None:
    assert acting_base(recipe()) == "tiny"
    assert acting_base(recipe(model=MADE)) == acting_base(recipe(model={**MADE, "layers": 3})) == "base"


def test_a_guided_agent_is_the_expert_with_the_teacher_that_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    built: list[str] = []
    monkeypatch.setattr(agents, "LocalAgent", lambda model, **_: built.append(model))
    assert isinstance(collecting_agent(recipe(agent={"kind": "guided"}), "the/base", print), Guided)
    assert built == ["the/base"]
    spec = {"kind": "guided", "url": "http://x/v1", "model": "m"}
    agent = collecting_agent(recipe(agent=spec), "unused", print)
    assert isinstance(agent, Guided)
    assert isinstance(agent.teacher, EndpointAgent)
    agent.teacher.close()
    values = agent_values(recipe(agent=spec))
    assert isinstance(values, dict)
    assert values == {"guided": True, **_values(recipe(agent={**spec, "kind": "endpoint"}))}


def _values(written: Recipe) -> dict[str, Any]:
    values = agent_values(written)
    assert isinstance(values, dict)
    return values


def test_an_environment_may_have_an_agent_of_its_own() -> None:
    written = recipe(
        model=MADE,
        agent={"kind": "endpoint", "url": "http://x/v1", "model": "m"},
        environments={"database": {"agent": {"kind": "local"}}},
    )
    assert needs_base(written)
    own = written.environments["database"].agent
    assert agent_values(written, own) != agent_values(written)
    assert isinstance(collecting_agent(written, "unused", print, AgentSpec(kind="expert")), Expert)
