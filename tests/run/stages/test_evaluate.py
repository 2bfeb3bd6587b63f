"""What is measured: the suites that a recipe asks for, on examples that no training has seen."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trajectune.evaluate.suites.environment import EnvironmentSuite
from trajectune.evaluate.suites.general_loss import GeneralLoss
from trajectune.example import Example, Message
from trajectune.run.recipe import Recipe, check_recipe, override
from trajectune.run.stages.curate import general_examples, mixture_of
from trajectune.run.stages.evaluate import measures_loss, suites_of
from trajectune.storage import JsonlWriter

RECIPE = check_recipe(
    {
        "name": "x",
        "environments": {
            "seen": {
                "environment": "database",
                "options": {"train": 4, "test": 3},
                "collect": 2,
                "evaluate": 3,
            },
            "unseen": {"environment": "database", "options": {"train": 4, "test": 3}, "evaluate": 2},
            "only-collected": {"environment": "database", "collect": 2},
        },
        "curate": {"general": {"a": {"data": "self"}, "b": {"data": "self", "weight": 3}}, "validation": 6},
        "evaluate": {"bad_format_limit": 2, "repetition_limit": 4},
    },
    where="a test",
)


def example(source: str, number: int) -> Example:
    said = Message(role="assistant", content=f"Answer {number}.", trained=True)
    return Example(
        id=f"{source}/{number}",
        source=source,
        messages=[Message(role="user", content=f"{source} {number}?"), said],
    )


@pytest.fixture(scope="module")
def general(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the stage `general` leaves."""
    folder = tmp_path_factory.mktemp("general")
    for source in ("a", "b"):
        with JsonlWriter(folder / f"{source}.jsonl") as file:
            for number in range(12):
                file.write(example(source, number))
    return folder


def test_a_recipes_suites_bear_its_names_and_limits(general: Path) -> None:
    suites = suites_of(RECIPE, general, base=None)
    assert [suite.name for suite in suites] == ["seen", "unseen", "general-loss", "choices"]
    seen, unseen = suites[:2]
    assert isinstance(seen, EnvironmentSuite)
    assert isinstance(unseen, EnvironmentSuite)
    assert (seen.group, unseen.group) == ("held-in", "held-out")
    assert (seen.tasks, unseen.tasks, seen.dialect) == (3, 2, "agentbench")
    assert (seen.bad_format_limit, seen.repetition_limit) == (2, 4)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"evaluate.general": False}, ["seen", "unseen"]),
        ({"curate.validation": 0}, ["seen", "unseen", "choices"]),
        ({"curate.general": {}}, ["seen", "unseen", "choices"]),
        ({"environments": {}}, ["general-loss", "choices"]),
    ],
)
def test_what_is_not_asked_for_is_not_measured(changes: dict, names: list[str], general: Path) -> None:
    recipe = override(RECIPE, changes)
    folder = general if measures_loss(recipe) else None
    assert [suite.name for suite in suites_of(recipe, folder, base=None)] == names


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    eta=st.floats(0, 1), agent=st.integers(0, 5), rows=st.none() | st.integers(1, 9), seed=st.integers(0, 9)
)
def test_what_is_measured_is_what_curate_holds_out(
    general: Path, eta: float, agent: int, rows: int | None, seed: int
) -> None:
    """A base model's measurement depends on the general rows alone: arms with other η share it."""
    recipe = override(RECIPE, {"seed": seed, "curate.eta": eta, "curate.general.a.rows": rows})
    examples = {"db": [example("db", number) for number in range(agent)]} if agent else {}
    if eta > 0 and not agent:
        return  # refused: there is no agent data
    mixed = mixture_of(recipe, examples, general_examples(recipe, general))
    (suite,) = (s for s in suites_of(recipe, general, None) if isinstance(s, GeneralLoss))
    assert [row.id for row in suite.examples] == [row.id for row in mixed.held_out]
    assert not {row.id for row in mixed.held_out} & {row.id for row in mixed.train}


def test_steps_on_examples_also_decide_what_is_held_out(general: Path) -> None:
    twice = json.loads((general / "a.jsonl").read_text("utf-8").splitlines()[0])
    folder = general.parent / "twice"
    folder.mkdir()
    for source in ("a", "b"):
        with JsonlWriter(folder / f"{source}.jsonl") as file:
            for number in range(4):
                file.write(Example.model_validate({**twice, "id": f"{source}/{number}"}))
    rejected: list[tuple[str, str]] = []
    steps = [{"filter": {"per_task": 1}}, "deduplicate"]
    recipe: Recipe = override(RECIPE, {"curate.steps": steps})
    found = general_examples(recipe, folder, rejected)
    assert {name: len(rows) for name, rows in found.items()} == {"a": 1, "b": 1}
    assert [source for source, _ in rejected] == ["a"] * 3 + ["b"] * 3
