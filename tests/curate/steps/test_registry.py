"""Steps as a recipe names them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from trajectune.curate.steps import registry
from trajectune.curate.steps.deduplicate import Deduplicate
from trajectune.curate.steps.filter import Filter, FilterOptions
from trajectune.curate.steps.registry import build_steps, default_steps, on_examples, on_trajectories
from trajectune.errors import RecipeError


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
        ([{"deduplicate": {"by": "id"}}], "by: Extra inputs", "its options are: similarity"),
        (["decontaminate"], "against: Field required", "its options are: against, above"),
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


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installed package that announces steps, as `importlib.metadata` sees one."""
    code = "from trajectune.curate.steps.deduplicate import Deduplicate as Short\nclass NoStep: ...\n"
    (tmp_path / "their_steps.py").write_text(code)
    info = tmp_path / "their_steps-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: their-steps\nVersion: 1.0\n")
    names = "short = their_steps:Short\nwrong = their_steps:NoStep\ntorn = their_steps:Nothing\n"
    (info / "entry_points.txt").write_text(f"[{registry.GROUP}]\n{names}")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize("name", ["short", "their_steps:Short"])
def test_a_package_adds_a_step(name: str) -> None:
    (step,) = build_steps([name])
    assert isinstance(step, Deduplicate)
    assert "short" in registry.step_names()


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "said"), [("wrong", "is no curate step"), ("torn", "their_steps has no 'Nothing'")]
)
def test_what_is_no_step_is_said(name: str, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        build_steps([name])
