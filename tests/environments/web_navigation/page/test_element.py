"""What an element says: its text, and the words of its attributes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.pages import tag
from trajectune.environments.web_navigation.page.element import CUT, shortened, tidy


def test_text_is_what_is_read_in_order() -> None:
    tree = tag("div", "one", tag("b", "two", tag("i")), "three", tag("img", alt="four"))
    assert tree.text == "one two three"


def test_elements_are_walked_in_the_order_of_the_page() -> None:
    tree = tag("a", tag("b", tag("c")), "x", tag("d"))
    assert [element.tag for element in tree.walk()] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"type": "text", "name": "City", "placeholder": "Your city"}, "text city your city"),
        ({"href": "/x", "class": "big", "id": "q"}, ""),
        ({"role": "presentation", "title": "Menu"}, "menu"),
        ({"type": "checkbox", "checked": ""}, "checkbox checked"),
        ({"name": "go", "value": "Go"}, "go"),
        ({"title": "http://x.org"}, ""),
        ({"title": " ".join("abcdefghij")}, "a b c d e f g h"),
        ({"title": f"a {'x' * 31} b"}, "a b"),
    ],
)
def test_attributes_are_said_by_their_values(attributes: dict[str, str], words: str) -> None:
    assert tag("input", **attributes).words == words


@given(st.text())
def test_tidy_text_has_single_spaces(text: str) -> None:
    assert tidy(text) == tidy(tidy(text))
    assert "  " not in tidy(text)


@given(st.text(), st.integers(5, 40))
def test_shortened_text_fits_and_says_that_it_was_cut(text: str, limit: int) -> None:
    short = shortened(text, limit)
    assert len(short) <= limit
    assert short == text or (len(text) > limit and short.endswith(CUT))
