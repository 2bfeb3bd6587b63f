"""Comparisons of a study: seed by seed, by the names of the page, on results that may be shared."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from run.page.study_results import measure, study
from trajectune.errors import RecipeError
from trajectune.run.page.comparing import Measured, changes, curves, gaps
from trajectune.run.recipe import Recipe
from trajectune.run.stage import Result
from trajectune.run.study import Study


def measured(found: Study, folder: Path, scores: Mapping[str, Sequence[float]]) -> Measured:
    """The study as if its systems had been measured: scores by `system-seed`."""

    def where(result: Result) -> Path:
        return folder / result.label

    for row in found.rows:
        measure(where(row.result), scores[f"{row.system}-{row.seed}"])
    return Measured(found, where)


SCORES = {
    "base-0": [0, 0, 0, 1],
    "a-0": [1, 0, 0, 1],
    "a-1": [1, 1, 1, 1],
    "b-0": [0, 0, 0, 0],
    "b-1": [0, 0, 1, 1],
}
ARMS = {"a": {}, "b": {"tune.learning_rate": 1e-3}}


def test_each_seed_is_paired_with_what_has_no_seed(tmp_path: Path) -> None:
    found = measured(study({"seeds": [0, 1], "arms": ARMS}), tmp_path, SCORES)
    assert [(c.before, c.after, c.gained, c.lost) for c in changes(found)] == [
        ("base", "a, seed 0", 1, 0),
        ("base", "a, seed 1", 3, 0),
        ("base", "b, seed 0", 0, 1),
        ("base", "b, seed 1", 1, 0),
    ]


def test_arms_are_paired_seed_by_seed(tmp_path: Path) -> None:
    section = {"seeds": [0, 1], "arms": ARMS, "comparisons": {"changes": [["a", "b"]]}}
    found = measured(study(section), tmp_path, SCORES)
    assert [(c.before, c.after) for c in changes(found)] == [
        ("a, seed 0", "b, seed 0"),
        ("a, seed 1", "b, seed 1"),
    ]


def test_a_single_seed_needs_no_name(tmp_path: Path) -> None:
    found = measured(study({"arms": ARMS}), tmp_path, SCORES)
    assert [(c.before, c.after) for c in changes(found)] == [("base", "a"), ("base", "b")]


def test_gaps_are_measured_between_named_systems(tmp_path: Path) -> None:
    gap = {"floor": "base", "system": "a", "ceiling": "b"}
    section = {"seeds": [1], "arms": ARMS, "comparisons": {"gaps": [gap]}}
    scores = {"base-1": [0, 0, 0, 0], "a-1": [1, 0, 0, 0], "b-1": [1, 1, 0, 0]}
    (share,) = gaps(measured(study(section), tmp_path, scores))
    assert (share.floor, share.system, share.ceiling) == ("base", "a", "b")
    assert share.share is not None
    assert share.share.value == pytest.approx(0.5)


def test_curves_go_by_their_weights_in_order(tmp_path: Path) -> None:
    section = {"arms": ARMS, "comparisons": {"curves": {"w": {1: "a", 0.5: "b", 0: "base"}}}}
    (curve,) = curves(measured(study(section), tmp_path, SCORES))
    assert (curve.suite, curve.weight) == ("database", "w")
    assert [(at, value.value) for at, value in curve.points] == [(0, 0.25), (0.5, 0), (1, 0.5)]


def test_one_result_may_be_two_systems(tmp_path: Path) -> None:
    section = {"arms": {"a": {}}, "systems": {"before": "a/base", "floor": "a/base", "after": "a/tuned"}}
    found = measured(study(section), tmp_path, {"before-0": [0], "floor-0": [0], "after-0": [1]})
    names = {
        row.system: {each.system.name for each in found.of(row).measurements} for row in found.study.rows
    }
    assert names == {"before": {"before"}, "floor": {"floor"}, "after": {"after"}}
    assert len({row.result.fingerprint for row in found.study.rows}) == 2


def test_a_base_that_the_arms_turn_out_not_to_have_is_named() -> None:
    section = {"arms": {"a": {}, "b": {}}, "comparisons": {"changes": [["base (a)", "b"]]}}
    with pytest.raises(RecipeError, match=r"no system has the name base \(a\)(.|\n)*are: a, b, base"):
        _ = study(section).comparisons


def test_a_plain_recipe_is_a_study_of_one_arm() -> None:
    plain = Study(Recipe(name="x"), print)
    assert [(row.system, row.seed) for row in plain.rows] == [("base", 0), ("tuned", 0)]
    assert set(plain.links()) == {
        "collect",
        "general",
        "curate",
        "tune",
        "evaluate/base",
        "evaluate/tuned",
        "report",
    }
    assert [arm.folder for arm in plain.arms] == [""]
