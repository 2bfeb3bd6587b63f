"""`evaluate`: done once, gone on with, never mixed up; what cannot be measured says why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from suite_toys import Fixed, UserMustMendError, examples

from trajectune.composition.composition import Composition, Term
from trajectune.errors import DataError, RecipeError
from trajectune.evaluate.contract import System
from trajectune.evaluate.run import evaluate, read_measurement, read_measurements
from trajectune.evaluate.suites.general_loss import GeneralLoss
from trajectune.evaluate.systems import load_system
from trajectune.models.loading import load_model
from trajectune.progress import Progress
from trajectune.storage import read_json, write_json


def test_what_is_stored_says_who_was_measured(base: System, tuned: System, tmp_path: Path) -> None:
    evaluate(base, [Fixed()], tmp_path / "one")
    evaluate(tuned, [Fixed()], tmp_path / "two")
    first, second = (read_measurements(tmp_path / folder)[0].system for folder in ("one", "two"))
    assert (first, second) == (base.identity, tuned.identity)
    assert first.weights != second.weights
    assert (second.name, second.base, first.base) == ("tuned", base.identity.model, "")


def test_what_is_done_is_read_back(base: System, tmp_path: Path) -> None:
    suite = Fixed()
    told: list[Progress] = []
    first = evaluate(base, [suite], tmp_path, on_progress=told.append)
    assert evaluate(base, [suite], tmp_path) == first == read_measurements(tmp_path)
    assert suite.calls == len(told) == 1
    assert first[0].status == "done"
    assert first[0].seconds > 0


def test_a_need_that_is_not_met_is_skipped_with_the_reason(base: System, tmp_path: Path) -> None:
    needy = Fixed(missing="there is no Java")
    skipped, done = evaluate(base, [needy, Fixed(name="other")], tmp_path)
    assert (skipped.status, skipped.reason, skipped.metrics) == ("skipped", "there is no Java", {})
    assert skipped.value is None
    assert done.status == "done"
    assert needy.calls == 0
    needy.missing = ""
    assert evaluate(base, [needy], tmp_path)[0].status == "done"


def test_a_system_that_gives_no_likelihoods_is_skipped(tiny_dir: Path, tmp_path: Path) -> None:
    one, two = (load_model(str(tiny_dir), "float32", "cpu") for _ in range(2))
    mapped = Term(two, name="two", ids={number: number for number in range(10)})
    system = load_system("mapped", Composition((Term(one, name="one"), mapped)))
    (measurement,) = evaluate(system, [GeneralLoss(examples(2))], tmp_path)
    assert measurement.status == "skipped"
    assert "vocabulary map" in measurement.reason


def test_a_suite_that_breaks_is_failed_and_the_others_go_on(base: System, tmp_path: Path) -> None:
    broken = Fixed(error=ValueError("no such word"))
    failed, done = evaluate(base, [broken, Fixed(name="other")], tmp_path)
    assert (failed.status, failed.reason, failed.items) == ("failed", "ValueError: no such word", "")
    assert done.status == "done"
    assert [each.status for each in read_measurements(tmp_path)] == ["failed", "done"]
    broken.error = None
    assert evaluate(base, [broken], tmp_path)[0].status == "done"
    assert broken.calls == 2


@pytest.mark.parametrize("error", [UserMustMendError("mend me"), KeyboardInterrupt()])
def test_what_a_user_must_mend_stops_and_leaves_no_measurement(
    base: System, tmp_path: Path, error: BaseException
) -> None:
    with pytest.raises(type(error)):
        evaluate(base, [Fixed(name="before"), Fixed(error=error)], tmp_path)
    assert [each.suite for each in read_measurements(tmp_path)] == ["before"]


def test_a_folder_of_another_system_is_refused(base: System, tuned: System, tmp_path: Path) -> None:
    evaluate(base, [Fixed()], tmp_path)
    with pytest.raises(DataError, match=r"system\.name, system\.weights") as caught:
        evaluate(tuned, [Fixed()], tmp_path)
    assert caught.value.where == str(tmp_path / "fixed")
    assert read_measurements(tmp_path)[0].system == base.identity


def test_a_folder_begun_otherwise_is_refused_even_before_it_is_done(base: System, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        evaluate(base, [Fixed(error=KeyboardInterrupt())], tmp_path)
    for change in (
        lambda: evaluate(base, [Fixed((0.0, 0.0))], tmp_path),
        lambda: evaluate(base, [Fixed()], tmp_path, seed=1),
        lambda: evaluate(replace(base, max_new_tokens=9), [Fixed()], tmp_path),
    ):
        with pytest.raises(DataError, match=r"settings\.scores|seed|system\.max_new_tokens"):
            change()
    assert evaluate(base, [Fixed()], tmp_path)[0].status == "done"


def test_a_folder_that_was_moved_is_still_its_own(tiny_dir: Path, base: System, tmp_path: Path) -> None:
    evaluate(base, [Fixed()], tmp_path / "a")
    (tmp_path / "a").rename(tmp_path / "b")
    elsewhere = replace(base, identity=base.identity.model_copy(update={"model": f"{tiny_dir}/."}))
    suite = Fixed()
    assert evaluate(elsewhere, [suite], tmp_path / "b")[0].status == "done"
    assert suite.calls == 0


def test_names_become_folders_and_must_be_plain(base: System, tmp_path: Path) -> None:
    for names, words in (
        (["a", "a"], "two suites"),
        (["a/b"], "plain"),
        ([""], "plain"),
        ([".."], "plain"),
    ):
        with pytest.raises(RecipeError) as caught:
            evaluate(base, [Fixed(name=name) for name in names], tmp_path)
        assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_measurement_is_named(base: System, tmp_path: Path) -> None:
    evaluate(base, [Fixed()], tmp_path)
    path = tmp_path / "fixed" / "measurement.json"
    write_json(path, {**read_json(path), "status": "splendid"})
    with pytest.raises(DataError, match="status") as caught:
        read_measurement(path.parent)
    assert caught.value.where == str(path)
    assert read_measurements(tmp_path / "nowhere") == []
