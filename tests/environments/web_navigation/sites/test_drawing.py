"""Controls are drawn in the site's style, and what is drawn is registered."""

from __future__ import annotations

from random import Random

import pytest

from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.page.page import Page, role
from trajectune.environments.web_navigation.sites.drawing import Drawing, Style
from trajectune.environments.web_navigation.sites.site import Control, Values


def style(label: str = "for", button: str = "button") -> Style:
    return Style(label, button, "fieldset", "li", "Clear")


def drawn(element: Element, drawing: Drawing) -> tuple[Page, dict[str, Control]]:
    """A page of this element alone, with its controls."""
    screen = drawing.finish(Element("html", {}, [element]))
    tree = screen.tree
    return Page(tree, [each for each in tree.walk() if each.key in screen.controls]), dict(screen.controls)


@pytest.mark.parametrize("label", ["for", "around", "aria", "placeholder"])
@pytest.mark.parametrize("kind", ["field", "area", "select"])
def test_a_field_has_its_label_in_every_style(label: str, kind: str) -> None:
    drawing = Drawing(style(label), {})
    element = (
        drawing.select("x", "Home town", ("Oslo", "Lima"))
        if kind == "select"
        else drawing.field("x", "Home town", long=kind == "area")
    )
    page, controls = drawn(element, drawing)
    assert list(controls) == list(page.candidates) == ["field/x"]
    assert "Home town" in page.name(page.candidates["field/x"])
    assert role(page.candidates["field/x"]) == ("combobox" if kind == "select" else "textbox")


@pytest.mark.parametrize(("button", "tag"), [("button", "button"), ("input", "input"), ("link", "a")])
def test_a_button_is_made_in_every_style(button: str, tag: str) -> None:
    drawing = Drawing(style(button=button), {})
    element = drawing.button("go", "Send it", name="sent", value="yes", commits=True)
    page, controls = drawn(element, drawing)
    assert element.tag == tag
    assert role(element) == "button"
    assert page.name(element) == "Send it"
    assert controls == {"go": Control(name="sent", value="yes", commits=True)}


@pytest.mark.parametrize(("values", "cleared"), [({}, False), ({"x": "Ada"}, True)])
def test_a_field_that_holds_something_can_be_emptied(values: Values, cleared: bool) -> None:
    drawing = Drawing(style(), values)
    _, controls = drawn(drawing.field("x", "Name"), drawing)
    assert ("clear/x" in controls) is cleared
    if cleared:
        assert controls["clear/x"] == Control(name="x", value="")


def test_a_field_shows_what_it_holds() -> None:
    drawing = Drawing(style(), {"x": "Ada", "y": "Long text"})
    short, _ = drawn(drawing.field("x", "Name"), drawing)
    long, _ = drawn(drawing.field("y", "Remarks", long=True), drawing)
    assert short.candidates["field/x"].attributes["value"] == "Ada"
    assert long.candidates["field/y"].text == "Long text"


def test_a_list_shows_what_is_selected() -> None:
    drawing = Drawing(style(), {"x": "Lima"})
    page, controls = drawn(drawing.select("x", "City", ("Oslo", "Lima")), drawing)
    options = [each for each in page.tree.walk() if each.tag == "option"]
    assert [("selected" in option.attributes, option.text) for option in options] == [
        (False, "Oslo"),
        (True, "Lima"),
    ]
    assert controls["field/x"] == Control("SELECT", "x", options=("Oslo", "Lima"))


def test_one_of_several_options_holds() -> None:
    drawing = Drawing(style(), {"x": "B"})
    page, controls = drawn(drawing.radios("x", "Area", ("A", "B")), drawing)
    checked = [key for key, each in page.candidates.items() if "checked" in each.attributes]
    assert checked == ["radio/x/B"]
    assert controls["radio/x/A"] == Control(name="x", value="A")
    assert page.name(page.candidates["radio/x/A"]) == "A"
    assert page.headings(page.candidates["radio/x/A"])[0].text == "Area"


@pytest.mark.parametrize("bare", [False, True])
def test_a_box_is_ticked_and_unticked(bare: bool) -> None:
    off, on = Drawing(style(), {}), Drawing(style(), {"x": "on"})
    page, controls = drawn(off.check("x", "Breakfast", bare=bare), off)
    assert controls["check/x"].value == "on"
    assert page.name(page.candidates["check/x"]) == "Breakfast"
    assert "checked" not in page.candidates["check/x"].attributes
    page, controls = drawn(on.check("x", "Breakfast", bare=bare), on)
    assert controls["check/x"].value == ""
    assert "checked" in page.candidates["check/x"].attributes


def test_a_link_may_set_a_value_on_its_way() -> None:
    drawing = Drawing(style(), {})
    _, controls = drawn(drawing.link("k", "09:40", "next", name="time", value="09:40"), drawing)
    assert controls["k"] == Control(name="time", value="09:40", goes="next")


def test_styles_are_drawn_and_differ() -> None:
    styles = {Style.drawn(Random(n)) for n in range(60)}
    assert len(styles) > 20
    assert Style.drawn(Random(3)) == Style.drawn(Random(3))
