"""Steps as a recipe names them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from importlib.metadata import EntryPoint
from typing import Any

import pytest

from trajectune.curate.steps import registry
from trajectune.curate.steps.contract import Context, CurateStep, StepOptions
from trajectune.curate.steps.deduplicate import Deduplicate
from trajectune.curate.steps.filter import Filter, FilterOptions
from trajectune.curate.steps.registry import build_steps, default_steps, on_examples, on_trajectories
from trajectune.errors import RecipeError
from trajectune.example import Example


def test_steps_are_named_in_order_with_their_options() -> None:
    steps = build_steps(
        [{"filter": {"per_task": 2, "threshold": 0.5}}, "deduplicate", {"deduplicate": None}]
    )
    assert [step.name for step in steps] == ["filter", "deduplicate", "deduplicate"]
    assert steps[0].options == FilterOptions(per_task=2, threshold=0.5)
    assert [type(step) for step in on_trajectories(steps)] == [Filter]
    assert [type(step) for step in on_examples(steps)] == [Deduplicate, Deduplicate]


def test_a_recipe_without_steps_filters_as_before() -> None:
    (step,) = build_steps(default_steps())
    assert step.options == FilterOptions(per_task=1, threshold=None)


@pytest.mark.parametrize(
    ("specs", "said", "remedy"),
    [
        (["dedupliate"], "no curate step 'dedupliate'", "did you mean 'deduplicate'?"),
        ([{"filter": {"per_tsak": 2}}], "per_tsak: Extra inputs", "did you mean 'per_task'?"),
        ([{"filter": {"per_task": 0}}], "per_task: Input should be greater", "threshold, per_task"),
        ([{"deduplicate": {"by": "id"}}], "by: Extra inputs", "its options are: none"),
        ([{"filter": {}, "deduplicate": {}}], "a name, or one name with its options", "write `- dedup"),
        ([{"filter": 3}], "a name, or one name with its options", "write `- dedup"),
        (["deduplicate", "filter"], "'filter' works on trajectories", "name 'filter' before 'deduplicate'"),
    ],
)
def test_mistakes_name_the_entry_and_the_remedy(specs: list[Any], said: str, remedy: str) -> None:
    with pytest.raises(RecipeError) as caught:
        build_steps(specs)
    assert said in caught.value.what
    assert caught.value.where == f"curate.steps.{len(specs) - 1}"
    assert remedy in caught.value.remedy


class Short(CurateStep[Example]):
    """A step of a user's package."""

    name = "short"
    level = "examples"

    class Options(StepOptions):
        words: int = 10

    def judge(self, rows: Iterable[Example], context: Context) -> Iterator[Example]:
        del context
        return iter(rows)


class NoStep:
    """Something else."""


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user's package that announces steps."""
    found = [
        EntryPoint(name, f"{__name__}:{value}", registry.GROUP)
        for name, value in (("short", "Short"), ("wrong", "NoStep"), ("torn", "Nothing"))
    ]

    def entry_points(group: str, name: str | None = None) -> list[EntryPoint]:
        return [each for each in found if each.group == group and name in (None, each.name)]

    monkeypatch.setattr(registry, "entry_points", entry_points)
    monkeypatch.setattr(EntryPoint, "load", lambda self: globals()[self.value.split(":")[1]])


@pytest.mark.usefixtures("package")
def test_a_package_adds_a_step() -> None:
    (step,) = build_steps([{"short": {"words": 3}}])
    assert isinstance(step, Short)
    assert step.options == Short.Options(words=3)
    assert "short" in registry.step_names()


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(("name", "said"), [("wrong", "is no CurateStep"), ("torn", "cannot be loaded")])
def test_what_is_no_step_is_said(name: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        build_steps([name])
