"""The part of a page that a question shows."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from support.pages import tag
from trajectune.environments.web_navigation.page.element import Element
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.page.snippet import (
    CHOICE_WORDS,
    MAX_CHOICE,
    MAX_SNIPPET,
    choice,
    snippet,
)

GO = tag("button", "Go", key="go", type="submit")
CITY = tag("select", tag("option", "Oslo", selected=""), tag("option", "Lima"), key="city", name="city")
AWAY = tag("p", "far away " * 30)
TREE = tag(
    "html",
    tag("body", tag("div", tag("div", tag("form", tag("label", "City", CITY), GO))), tag("footer", AWAY)),
)


def test_candidates_are_numbered_and_what_says_nothing_is_left_out() -> None:
    assert snippet(Page(TREE), [GO, CITY]) == (
        "<html> <form> <label> City <select id=1 city> <option selected> Oslo </option> "
        "<option> Lima </option> </select> </label> <button id=0 submit> Go </button> </form> </html>"
    )


def test_what_is_far_away_is_not_shown() -> None:
    far = Page(tag("html", *(tag("div", tag("a", f"link {n}", key=str(n), href="#")) for n in range(30))))
    shown = snippet(far, [far.candidates["3"]])
    assert "link 3" in shown
    assert "link 20" not in shown


def test_a_text_on_the_way_is_shown_only_beside_what_is_shown() -> None:
    link = tag("a", "here", key="k", href="#")
    others = [tag("a", f"link {n}", key=str(n), href="#") for n in range(8)]
    page = Page(tag("html", tag("p", "far", others[0], "before", link, "after", *others[1:], "end")))
    assert snippet(page, [link]) == "<html> <p> before <a id=0> here </a> after </p> </html>"


def test_a_heading_and_the_row_are_shown() -> None:
    link = tag("a", "Edit", key="k", href="#")
    rows = [
        tag("tr", tag("td", f"who {n}"), tag("td", tag("a", "Edit", key=str(n), href="#")))
        for n in range(9)
    ]
    page = Page(
        tag("html", tag("h1", "Members"), tag("table", *rows, tag("tr", tag("td", "Ada"), tag("td", link))))
    )
    shown = snippet(page, [link])
    assert "<h1> Members </h1>" in shown
    assert "<tr> <td> Ada </td> <a id=0> Edit </a> </tr>" in shown
    assert "who 3" not in shown


def test_long_texts_are_shortened_before_candidates_are_lost() -> None:
    links = [tag("a", "word " * 300, key=str(n), href="#") for n in range(5)]
    page = Page(tag("html", *links))
    shown = snippet(page, links)
    assert len(shown) <= MAX_SNIPPET
    assert all(f"id={n}" in shown for n in range(5))


def test_a_choice_is_one_short_line() -> None:
    assert choice(GO, 3) == "<button id=3 submit> Go </button>"
    long = choice(tag("a", "word " * 100, key="x", href="#"), 0)
    assert len(long.split()) <= CHOICE_WORDS
    assert len(choice(tag("a", "x" * 500, key="x", href="#"), 0)) <= MAX_CHOICE


trees = st.recursive(
    st.text("ab \n<&'\"", max_size=200),
    lambda inner: st.builds(
        lambda name, children, attributes: tag(name, *children, **attributes),
        st.sampled_from(["div", "a", "p", "td", "label", "h2", "select", "tr"]),
        st.lists(inner, max_size=5),
        st.dictionaries(
            st.sampled_from(["title", "type", "value", "role"]), st.text(max_size=60), max_size=3
        ),
    ),
    max_leaves=40,
)


@settings(deadline=None)
@given(st.lists(trees, min_size=1, max_size=6), st.integers(0, 1000))
def test_any_page_gives_a_bounded_snippet_with_its_candidates(
    parts: list[Element | str], pick: int
) -> None:
    root = tag("html", *parts)
    elements = [element for element in root.walk() if element is not root] or [root]
    for n, element in enumerate(elements):
        element.key = str(n)
    page = Page(root, elements)
    chosen = [elements[(pick + n) % len(elements)] for n in range(min(5, len(elements)))]
    shown = snippet(page, chosen)
    assert len(shown) <= MAX_SNIPPET
    assert len(shown) == MAX_SNIPPET or all(f"id={n}" in shown for n in range(len(chosen)))
