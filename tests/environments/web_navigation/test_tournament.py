"""Five at a time, survivors meet again, and the same letter twice wins nothing."""

from __future__ import annotations

from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.web_navigation.tournament import SIZE, Tournament

KEYS = [f"k{n}" for n in range(12)]
sizes = st.integers(1, 12)
seeds = st.text(max_size=8)


def decided(tournament: Tournament, wish: Collection[str]) -> int:
    """Chooses what is wished wherever it is among the choices; the number of questions."""
    for asked in range(1, 30):
        found = next((n for n, key in enumerate(tournament.choices) if key in wish), None)
        if tournament.choose(found):
            return asked
    raise AssertionError("it never ends")


@given(size=sizes, seed=seeds)
def test_what_is_chosen_each_time_wins(size: int, seed: str) -> None:
    tournament = Tournament(KEYS[:size], {"k0"}, seed)
    asked = decided(tournament, {"k0"})
    assert tournament.winner == "k0"
    assert asked <= -(-size // SIZE) + 1


@given(size=sizes, seed=seeds)
def test_all_refused_means_no_winner(size: int, seed: str) -> None:
    tournament = Tournament(KEYS[:size], {"k0"}, seed)
    assert decided(tournament, set()) == -(-size // SIZE)
    assert tournament.winner is None


@given(size=sizes, seed=seeds)
def test_every_candidate_is_asked_about_once_before_any_comes_again(size: int, seed: str) -> None:
    tournament = Tournament(KEYS[:size], (), seed)
    seen: list[str] = []
    done = False
    while not done:
        assert len(tournament.choices) <= SIZE
        seen += tournament.choices
        done = tournament.choose(None)
    assert sorted(seen) == sorted(KEYS[:size])


@given(seed=seeds, size=st.integers(6, 12), letter=st.integers(0, 4))
def test_the_same_letter_each_time_never_carries_the_right_one_through(
    seed: str, size: int, letter: int
) -> None:
    tournament = Tournament(KEYS[:size], {"k0"}, seed)
    for _ in range(30):
        if letter >= len(tournament.choices):
            return  # there is no such letter in this question, so nothing is decided
        if tournament.choose(letter):
            break
    assert tournament.winner != "k0"


@given(seed=seeds, answers=st.lists(st.one_of(st.none(), st.integers(0, 4)), max_size=10))
def test_equal_answers_get_equal_questions(seed: str, answers: list[int | None]) -> None:
    pair = [Tournament(KEYS, {"k3"}, seed) for _ in range(2)]
    for answer in answers:
        assert pair[0].choices == pair[1].choices
        place = None if answer is None or answer >= len(pair[0].choices) else answer
        ended = [each.choose(place) for each in pair]
        assert ended[0] == ended[1]
        if ended[0]:
            break
    assert pair[0].winner == pair[1].winner


def test_a_right_element_is_under_every_letter_equally_often() -> None:
    places = [Tournament(KEYS[:5], {"k0"}, str(n)).choices.index("k0") for n in range(1000)]
    for place in range(5):
        assert places.count(place) == pytest.approx(200, abs=50)


def test_a_lone_candidate_is_asked_about() -> None:
    tournament = Tournament(["k0"], {"k0"}, "")
    assert tournament.choices == ["k0"]
    assert tournament.choose(0)
    assert tournament.winner == "k0"


def test_the_last_chosen_meets_those_that_were_not_asked_about_yet() -> None:
    tournament = Tournament(KEYS[:8], (), "x")
    first = tournament.choices[0]
    assert not tournament.choose(0)
    assert len(tournament.choices) == 4
    assert first in tournament.choices
