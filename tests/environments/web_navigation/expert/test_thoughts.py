"""A thought fits its act: what is typed, selected, ticked, pressed or followed, and what is missing."""

from __future__ import annotations

from random import Random

import pytest

from support.pages import tag
from trajectune.environments.web_navigation.expert.thoughts import MAX_NAME, WORDINGS, Thoughts
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.recorded.walk import RecordedStep, RecordedWalk
from trajectune.environments.web_navigation.walk import Act

FIELD = tag("input", key="field", type="text", placeholder="City")
CHOICE = tag("select", tag("option", "Oslo"), key="list", aria_label="Town")
BOX = tag("input", key="box", type="checkbox", aria_label="Breakfast")
BUTTON = tag("button", "Save", key="save")
LINK = tag("a", "Edit", key="edit", href="#")
LONG = tag("a", "word " * 60, key="long", href="#")
ROW = tag("tr", tag("td", "Ada Adler"), tag("td", LINK))
PAGE = Page(tag("html", FIELD, CHOICE, BOX, BUTTON, tag("table", ROW), LONG))
NEXT = Act("field", "TYPE", "Oslo")


def thought(act: Act | None, wanted: Act = NEXT, *, lost: bool = False, seed: int = 0) -> str:
    walk = RecordedWalk("task", [RecordedStep(lambda: PAGE, (wanted,), "")])
    return Thoughts(Random(seed)).say(walk, act, wanted, lost=lost)


@pytest.mark.parametrize(
    ("act", "occasion", "words"),
    [
        (NEXT, "type", ['"Oslo"', '"City"']),
        (Act("list", "SELECT", "Oslo"), "select", ['"Oslo"', '"Town"']),
        (Act("box", "CLICK"), "tick", ['"Breakfast"']),
        (Act("save", "CLICK"), "button", ['"Save"']),
        (Act("edit", "CLICK"), "link", ['"Edit" beside "Ada Adler"']),
    ],
)
def test_an_act_is_thought_of_by_its_kind(act: Act, occasion: str, words: list[str]) -> None:
    said = {thought(act, seed=seed) for seed in range(40)}
    assert len(said) == len(WORDINGS[occasion])
    assert all(word in each for each in said for word in words)


def test_what_is_missing_is_said_with_its_value_where_the_task_gives_one() -> None:
    assert all('"Oslo"' in thought(None, seed=seed) for seed in range(20))
    assert all('"' not in thought(None, Act("save", "CLICK"), seed=seed) for seed in range(20))


def test_the_way_back_is_thought_of_as_one() -> None:
    back = {thought(Act("edit", "CLICK"), lost=True, seed=seed) for seed in range(40)}
    assert len(back) == len(WORDINGS["back"])
    assert len({thought(None, lost=True, seed=seed) for seed in range(40)}) == len(WORDINGS["none back"])


def test_long_names_are_shortened() -> None:
    assert all(len(thought(Act("long", "CLICK"), seed=seed)) < MAX_NAME + 80 for seed in range(10))
