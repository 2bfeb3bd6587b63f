"""Questions with options: one item each, the same questions for every system."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.evaluate.accuracy import option_scores
from trajectune.evaluate.contract import System
from trajectune.evaluate.items import read_items, value_of
from trajectune.evaluate.run import evaluate
from trajectune.evaluate.suites.choices import Choices
from trajectune.evaluate.suites.questions import question_sets


def test_items_are_questions_and_give_the_accuracy_again(base: System, tmp_path: Path) -> None:
    (measurement,) = evaluate(base, [Choices(4)], tmp_path, seed=3)
    items = read_items(tmp_path / "choices", measurement)
    sets = question_sets(4, seed=3)
    assert len(items) == measurement.counts["questions"] == sum(map(len, sets.values()))
    assert measurement.value is not None
    assert value_of(items) == pytest.approx(measurement.value.value)
    for name, questions in sets.items():
        right = [float(option_scores(base.scorer, each).argmax()) == each.answer for each in questions]
        assert [item.score for item in items if item.kind == name] == [float(each) for each in right]
        assert measurement.metrics[f"accuracy/{name}"].value == pytest.approx(sum(right) / len(right))


def test_two_systems_are_asked_the_same(base: System, tuned: System, tmp_path: Path) -> None:
    keys = []
    for system in (base, tuned):
        (measurement,) = evaluate(system, [Choices(3)], tmp_path / system.name)
        keys.append([(i.task, i.seed) for i in read_items(tmp_path / system.name / "choices", measurement)])
    assert keys[0] == keys[1]


def test_no_questions_give_no_metric(base: System, tmp_path: Path) -> None:
    (measurement,) = evaluate(base, [Choices(0)], tmp_path)
    assert measurement.metrics == {}
    assert measurement.counts == {"questions": 0, "correct": 0}
