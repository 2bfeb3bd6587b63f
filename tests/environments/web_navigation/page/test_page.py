"""Candidates of a page, and what stands near them."""

from __future__ import annotations

import pytest

from support.pages import tag
from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.page.page import NEAR_WORDS, Page, actionable, role

BOX = tag("input", key="box", type="checkbox")
FIELD = tag("input", key="field", type="text", id="mail")
EDIT = tag("a", "Edit", key="edit", href="/1")
ROW = tag("tr", tag("td", "Ada"), tag("td", "Open"), tag("td", EDIT))
TREE = tag(
    "html",
    tag("h1", "Members"),
    tag(
        "form",
        tag("h2", "Contact"),
        tag("label", "E-mail", _for="mail"),
        FIELD,
        tag("fieldset", tag("legend", "Extras"), tag("label", BOX, "Breakfast")),
    ),
    tag("table", ROW, tag("tr", tag("td", "Ben"), tag("td", tag("a", "Edit", key="edit2", href="/2")))),
)
PAGE = Page(TREE)


@pytest.mark.parametrize(
    ("element", "acts"),
    [
        (tag("a", "x", key="k", href="/"), True),
        (tag("a", "x", key="k"), False),
        (tag("a", key="k", href="/"), False),
        (tag("a", "x", href="/"), False),
        (tag("button", key="k"), True),
        (tag("input", key="k"), True),
        (tag("input", key="k", type="hidden"), False),
        (tag("div", "x", key="k"), False),
        (tag("div", "x", key="k", role="button"), True),
        (tag("span", "x", key="k", onclick="go()"), True),
        (tag("option", "x", key="k"), False),
    ],
)
def test_what_can_be_acted_on(element: Element, acts: bool) -> None:
    assert bool(actionable(tag("p", element))) is acts


def test_candidates_are_in_the_order_of_the_page() -> None:
    assert list(PAGE.candidates) == ["field", "box", "edit", "edit2"]
    given = Page(TREE, [EDIT, FIELD])
    assert list(given.candidates) == ["edit", "field"]


def test_names_come_from_labels_text_and_attributes() -> None:
    assert PAGE.name(FIELD) == "E-mail"
    assert PAGE.name(BOX) == "Breakfast"
    assert PAGE.name(EDIT) == "Edit"
    lone = tag("input", key="x", type="text", placeholder="Your city")
    assert Page(tag("p", lone)).name(lone) == "Your city"
    choice = tag("select", tag("option", "Red"), key="s", name="colour")
    assert Page(tag("p", choice)).name(choice) == "colour"


@pytest.mark.parametrize(
    ("element", "kind"),
    [
        (EDIT, "link"),
        (BOX, "checkbox"),
        (FIELD, "textbox"),
        (tag("select"), "combobox"),
        (tag("a", role="button"), "button"),
        (tag("input", type="submit"), "button"),
        (tag("div"), "div"),
    ],
)
def test_roles_are_what_a_reader_sees(element: Element, kind: str) -> None:
    assert role(element) == kind


def test_a_row_is_near_its_link_and_says_whose_it_is() -> None:
    assert PAGE.row(EDIT) == "Ada"
    assert PAGE.row(FIELD) == ""
    assert "Ada" in PAGE.describe(EDIT)
    assert "Ben" in PAGE.descriptions[3]


def test_headings_above_are_found_the_nearest_first() -> None:
    assert [heading.text for heading in PAGE.headings(BOX)] == ["Extras", "Contact"]
    assert [heading.text for heading in PAGE.headings(EDIT)] == ["Members"]


def test_what_is_near_is_bounded() -> None:
    buttons = [tag("button", str(n), key=str(n)) for n in range(9)]
    crowded = Page(tag("div", *buttons))
    assert crowded.nearby(buttons[0]) is buttons[0]
    lone = tag("button", "go", key="go")
    wordy = Page(tag("div", "word " * (NEAR_WORDS + 1), lone))
    assert wordy.nearby(lone) is lone
    brief = tag("div", "some words", lone)
    assert Page(brief).nearby(lone) is brief


def test_above_is_the_way_to_the_root() -> None:
    assert [element.tag for element in PAGE.above(EDIT)] == ["td", "tr", "table", "html"]
    assert PAGE.above(TREE) == ()
