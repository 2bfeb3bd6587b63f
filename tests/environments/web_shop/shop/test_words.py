"""Likeness, colours and nouns: what the reward compares."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.web_shop.generator.goods import bare, kinds
from trajectune.environments.web_shop.shop.words import alike, color, nouns


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("waterproof", "Waterproof!", True),
        ("easy to clean", "clean easy to", True),
        ("rubber sole", "non slip rubber sole", True),  # all words of one are in the other
        ("non slip", "anti slip", False),
        ("black", "white", False),
        ("10", "10.5", True),  # a quirk of WebShop's ratio: 10 is one of the words of "10 5"
        ("", "", False),
        ("--", "black", False),
        ("größe", "gre", True),  # letters beyond ASCII are dropped, as thefuzz does
    ],
)
def test_likeness(one: str, other: str, same: bool) -> None:
    assert alike(one, other) == alike(other, one) == same


@given(st.text(), st.text())
def test_likeness_never_raises_and_is_the_same_both_ways(one: str, other: str) -> None:
    assert alike(one, other) == alike(other, one)


@pytest.mark.parametrize(
    ("value", "name"),
    [("dark navy blue", "blue"), ("wine red", "red"), ("size 9", "size 9"), ("grey", "grey"), ("", "")],
)
def test_the_first_colour_by_the_alphabet(value: str, name: str) -> None:
    assert color(value) == name


@pytest.mark.parametrize(
    ("title", "found"),
    [
        ("Nordby Waterproof Rain Coat for Storms, Large (Pack of 2)", {"nordby", "rain", "coat", "storms"}),
        ("Truly comfortable 12 oz Mug with a wooden Handle", {"mug", "wooden", "handle"}),
        ("usb-c cable", {"usb", "cable"}),
        ("", set()),
        ("black & white", set()),
    ],
)
def test_nouns_of_titles(title: str, found: set[str]) -> None:
    assert nouns(title) == found


def test_values_that_an_agent_has_to_tell_apart_are_not_alike() -> None:
    """Else buying the wrong one would be right, in the shop that we make."""
    for kind in kinds():
        for values in (*kind.options.values(), tuple(map(bare, kind.features))):
            for place, value in enumerate(values):
                others = [color(other) for other in values[:place]]
                assert not [other for other in others if alike(color(value), other)], (kind.name, value)
