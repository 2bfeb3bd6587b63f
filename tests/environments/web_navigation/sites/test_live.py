"""A living site answers acts: what it cannot take, what changes, and what ends it."""

from __future__ import annotations

import pytest

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.sites.drawing import Drawing, Style
from trajectune.environments.web_navigation.sites.live import LiveWalk
from trajectune.environments.web_navigation.sites.route import wanted
from trajectune.environments.web_navigation.sites.site import Control, Goal, Screen, Site, State, after
from trajectune.environments.web_navigation.walk import Act, Turn

STYLE = Style("for", "button", "div", "li", "Clear")


class Lamp(Site):
    """Two screens: a switch and a colour on the first, a button that saves on the second."""

    def __init__(self) -> None:
        self.goal = Goal("Switch it on, red, and save.", ({"on": "on", "colour": "Red"}, {"sent": "lamp"}))
        self.start = State("front", {"colour": "Blue"})

    def draw(self, state: State) -> Screen:
        drawing = Drawing(STYLE, state.values)
        if state.screen == "front":
            parts = [
                drawing.check("on", "Lamp"),
                drawing.check("fan", "Fan"),
                drawing.select("colour", "Colour", ("Blue", "Red")),
                drawing.field("name", "Name"),
                drawing.link("next", "Next", "back"),
            ]
        else:
            save = drawing.button("save", "Save", name="sent", value="lamp", commits=True)
            parts = [
                save,
                drawing.link("first", "First", "front"),
                drawing.field("_note", "Note", clears=False),
            ]
        return drawing.finish(Element("html", {}, [*parts]))


def keys(walk: LiveWalk) -> set[str]:
    return {act.key for act in walk.wanted}


def test_all_that_is_missing_on_a_screen_is_right_at_once() -> None:
    walk = LiveWalk(Lamp())
    assert list(walk.wanted) == [Act("check/on", "CLICK"), Act("field/colour", "SELECT", "Red")]
    walk.take(walk.wanted[1])
    assert keys(walk) == {"check/on"}
    walk.take(walk.wanted[0])
    assert keys(walk) == {"next"}
    walk.take(walk.wanted[0])
    assert keys(walk) == {"save"}
    turn = walk.take(walk.wanted[0])
    assert (turn.done, turn.reward) == (True, 1.0)
    assert walk.previous == [
        "[combobox] Colour -> SELECT: Red",
        "[checkbox] Lamp -> CLICK",
        "[link] Next -> CLICK",
        "[button] Save -> CLICK",
    ]


def test_what_was_spoilt_is_set_right_before_the_end() -> None:
    walk = LiveWalk(Lamp())
    for act in (Act("check/fan", "CLICK"), Act("field/name", "TYPE", "x"), *walk.wanted):
        walk.take(act)
    assert keys(walk) == {"check/fan", "clear/name"}
    walk.take(Act("next", "CLICK"))
    assert keys(walk) == {"first"}, "the way back, not the button that saves"
    walk.take(Act("first", "CLICK"))
    for act in walk.wanted:
        walk.take(act)
    assert keys(walk) == {"next"}


def test_saving_too_early_ends_without_reward() -> None:
    walk = LiveWalk(Lamp())
    walk.take(Act("next", "CLICK"))
    assert keys(walk) == {"first"}
    turn = walk.take(Act("save", "CLICK"))
    assert (turn.done, turn.reward) == (True, 0.0)


def test_values_that_are_only_means_do_not_count() -> None:
    walk, turn = LiveWalk(Lamp()), Turn()
    for act in [
        *walk.wanted,
        Act("next", "CLICK"),
        Act("field/_note", "TYPE", "anything"),
        Act("save", "CLICK"),
    ]:
        turn = walk.take(act)
    assert turn.reward == 1.0


@pytest.mark.parametrize(
    ("act", "said"),
    [
        (Act("check/on", "TYPE", "x"), "cannot be typed into; it can be clicked"),
        (Act("field/name", "CLICK"), "cannot be clicked; it can be typed into"),
        (Act("field/name", "TYPE"), "needs a value"),
        (Act("field/colour", "SELECT", "Green"), "The options are: Blue, Red"),
        (Act("field/colour", "SELECT"), "no such option"),
        (Act("field/colour", "TYPE", "Red"), "cannot be typed into; it can be selected from"),
        (Act("next", "CLICK"), ""),
    ],
)
def test_what_a_page_cannot_take_is_told(act: Act, said: str) -> None:
    walk = LiveWalk(Lamp())
    problem = walk.impossible(act)
    assert said in problem
    assert bool(problem) == bool(said)


def test_only_a_link_that_changes_nothing_is_harmless() -> None:
    walk = LiveWalk(Lamp())
    assert walk.harmless("next")
    assert not walk.harmless("check/on")
    walk.take(Act("next", "CLICK"))
    assert not walk.harmless("save")


def test_states_are_never_changed() -> None:
    state = State("a", {"x": "1"})
    there = after(state, Control(name="x", value="2", goes="b"), "")
    assert (state.screen, dict(state.values)) == ("a", {"x": "1"})
    assert (there.screen, dict(there.values)) == ("b", {"x": "2"})
    assert after(state, Control("TYPE", "x"), "typed").values["x"] == "typed"


def test_a_site_without_a_way_is_a_mistake_of_ours() -> None:
    lamp = Lamp()
    lamp.goal = Goal("Impossible.", ({"missing": "x"}, {"sent": "lamp"}))
    with pytest.raises(RuntimeError, match="no way to the goal from 'front'"):
        wanted(lamp, lamp.start)


@pytest.mark.parametrize(
    ("control", "name", "value", "sets"),
    [
        (Control(name="a", value="1"), "a", "1", True),
        (Control(name="a", value="1"), "a", "2", False),
        (Control(name="a", value="1"), "b", "1", False),
        (Control("TYPE", "a"), "a", "anything", True),
        (Control("TYPE", "a"), "a", "", False),
        (Control("SELECT", "a", options=("1", "2")), "a", "2", True),
        (Control("SELECT", "a", options=("1", "2")), "a", "3", False),
    ],
)
def test_a_control_knows_what_it_can_set(control: Control, name: str, value: str, sets: bool) -> None:
    assert control.sets(name, value) is sets
