"""Every wording of ALFWorld is understood, and things are read out of observations."""

from __future__ import annotations

import pytest

from trajectune.environments.household.games.goal import Wish, names_in, read_wish
from trajectune.errors import EpisodeError


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("put a mug in desk", {"place": "desk"}),
        ("put some mug on desk", {"place": "desk"}),
        ("put a clean mug in shelf", {"place": "shelf", "treatment": "clean"}),
        ("clean some mug and put it in shelf", {"place": "shelf", "treatment": "clean"}),
        ("put a hot mug in shelf", {"place": "shelf", "treatment": "heat"}),
        ("heat some mug and put it in shelf", {"place": "shelf", "treatment": "heat"}),
        ("put a cool mug in shelf", {"place": "shelf", "treatment": "cool"}),
        ("cool some mug and put it in shelf", {"place": "shelf", "treatment": "cool"}),
        ("put two mug in shelf", {"place": "shelf", "count": 2}),
        ("find two mug and put them in shelf", {"place": "shelf", "count": 2}),
        ("look at mug under the desklamp", {"lamp": "desklamp"}),
        ("examine the mug with the floorlamp", {"lamp": "floorlamp"}),
    ],
)
def test_wordings(text: str, expected: dict[str, object]) -> None:
    opening = f"You see a desk 1.\nYour task is to: {text}."
    assert read_wish(opening) == Wish(text=text, thing="mug", **expected)  # type: ignore[arg-type]


def test_a_wording_unknown_to_alfworld_is_an_error_of_the_infrastructure() -> None:
    with pytest.raises(EpisodeError, match="does not understand"):
        read_wish("Your task is to: juggle.")


def test_names() -> None:
    assert names_in("On the desk 1, you see a mug 1, an egg 2, and a pen 3.") == [
        "mug 1",
        "egg 2",
        "pen 3",
    ]
    assert names_in("On the desk 1, you see nothing.") == []
    assert names_in("The drawer 1 is closed.") == []
