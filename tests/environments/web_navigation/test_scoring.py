"""Element accuracy, action F1 and step success are Mind2Web's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.web_navigation.scoring import Judged, action_f1, judge, measures
from trajectune.environments.web_navigation.walk import Act

RIGHT = [Act("a", "TYPE", "New York"), Act("b", "CLICK")]


@pytest.mark.parametrize(
    ("said", "right", "expected"),
    [
        ("TYPE New York", "TYPE New York", 1.0),
        ("TYPE York New", "TYPE New York", 1.0),
        ("TYPE York", "TYPE New York", 0.8),
        ("CLICK", "TYPE New York", 0.0),
        ("TYPE new york", "TYPE New York", 1 / 3),
        ("TYPE Boston", "TYPE New York", 0.4),
        ("CLICK", "CLICK", 1.0),
        ("", "CLICK", 0.0),
        ("", "", 1.0),
    ],
)
def test_action_f1_is_over_sets_of_words(said: str, right: str, expected: float) -> None:
    assert action_f1(said, right) == pytest.approx(expected)


@given(st.text("abc "), st.text("abc "))
def test_action_f1_is_even_handed_and_bounded(a: str, b: str) -> None:
    assert action_f1(a, b) == action_f1(b, a)
    assert 0 <= action_f1(a, b) <= 1
    assert action_f1(a, a) == 1


def test_an_act_is_judged_by_the_right_one_with_the_same_element() -> None:
    assert judge(Act("a", "TYPE", "New York"), RIGHT) == Judged(True, 1.0)
    assert judge(Act("b", "CLICK"), RIGHT).step
    assert judge(Act("a", "CLICK"), RIGHT) == Judged(True, 0.0)
    assert not judge(Act("a", "TYPE", "York"), RIGHT).step


def test_a_wrong_element_may_still_have_the_right_action() -> None:
    judged = judge(Act("z", "CLICK"), RIGHT)
    assert judged == Judged(False, 1.0)
    assert not judged.step


@pytest.mark.parametrize(("act", "wanted"), [(None, RIGHT), (Act("a", "CLICK"), [])])
def test_none_of_the_candidates_and_no_right_element_count_as_wrong(
    act: Act | None, wanted: list[Act]
) -> None:
    assert judge(act, wanted) == Judged(False, 0.0)


def test_measures_are_means() -> None:
    found = measures([Judged(True, 1.0), Judged(True, 0.5), Judged(False, 1.0), Judged(False, 0.0)])
    assert (found.element_accuracy, found.action_f1, found.step_success) == (0.5, 0.625, 0.25)
    assert found.acts == 4
    assert measures([]).step_success == 0
