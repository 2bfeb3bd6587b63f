"""A record goes on whatever is chosen, and pays the share of right steps."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pages import tag
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.recorded.walk import RecordedStep, RecordedWalk
from trajectune.environments.web_navigation.walk import Act, Turn, told

PAGES = [Page(tag("html", tag("a", f"page {n}", key=f"k{n}", href="#"))) for n in range(4)]
STEPS = [RecordedStep(lambda n=n: PAGES[n], (Act(f"k{n}", "CLICK"),), f"step {n}") for n in range(4)]


@given(st.lists(st.booleans(), min_size=4, max_size=4))
def test_each_step_is_judged_alone(right: list[bool]) -> None:
    walk, turn = RecordedWalk("task", STEPS), Turn()
    for n, is_right in enumerate(right):
        assert walk.page is PAGES[n]
        assert walk.previous == [f"step {k}" for k in range(n)]
        turn = walk.take(Act(f"k{n}" if is_right else "other", "CLICK"))
        assert turn.done == (n == 3)
    assert turn.reward == pytest.approx(sum(right) / 4)


def test_none_of_the_candidates_is_a_wrong_step() -> None:
    walk = RecordedWalk("task", STEPS[:2])
    assert not walk.take(None).done
    assert walk.take(Act("k1", "CLICK")).reward == 0.5


def test_a_right_element_is_kept_among_the_candidates_where_asked() -> None:
    assert RecordedWalk("task", STEPS).forced == frozenset()
    assert RecordedWalk("task", STEPS, forced=True).forced == {"k0"}
    assert RecordedWalk("task", STEPS, forced=True).harmless("k0") is False


def test_acts_are_told_as_mind2web_tells_them() -> None:
    box = tag("input", key="b", type="checkbox")
    field = tag("input", key="f", type="text", placeholder="City")
    page = Page(tag("html", tag("label", box, "Breakfast"), field))
    assert told(page, Act("b", "CLICK")) == "[checkbox] Breakfast -> CLICK"
    assert told(page, Act("f", "TYPE", "Oslo")) == "[textbox] City -> TYPE: Oslo"
