"""Every wording of ALFWorld is understood, and things are read out of observations."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.household.games.games import KINDS, library
from trajectune.environments.household.games.goal import Wish, names_in, read_wish, type_of
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


@pytest.mark.parametrize("kind", KINDS)
def test_every_template_of_alfworld_is_understood(kind: str) -> None:
    pytest.importorskip("alfworld")
    treatment = next((word for word in ("clean", "heat", "cool") if word in kind), "")
    for template in library(kind)["templates"]:
        text = template.format(obj="soapbottle", recep="sidetable", toggle="desklamp", mrecep="")
        wish = read_wish(f"You see a bed 1.\nYour task is to: {text}.")
        assert wish.thing == "soapbottle"
        assert wish.treatment == treatment
        assert wish.count == (2 if "two" in kind else 1)
        assert (wish.place, wish.lamp) == (("", "desklamp") if "light" in kind else ("sidetable", ""))


NAMED = st.tuples(st.sampled_from(["mug", "egg", "apple", "soapbottle"]), st.integers(1, 12))


@given(st.lists(NAMED, max_size=6), st.sampled_from(["desk 1", "drawer 12"]))
def test_names_come_back_in_order(things: list[tuple[str, int]], place: str) -> None:
    names = [f"{kind} {number}" for kind, number in things]
    listed = ", ".join(f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in names) or "nothing"
    assert names_in(f"On the {place}, you see {listed}.") == names
    assert names_in(f"The {place} is open. In it, you see {listed}.") == names
    assert names_in(f"Around you, you see {listed}.\nYour task is to: put a mug 9 in desk.") == names
    assert [type_of(name) for name in names] == [kind for kind, _ in things]
