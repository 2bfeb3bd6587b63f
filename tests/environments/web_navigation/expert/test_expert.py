"""The expert arrives, by several routes, and thinks nothing that it cannot know."""

from __future__ import annotations

from collections import Counter

import pytest

from trajectune.environments.play import start
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.environments.web_navigation.expert.thoughts import WORDINGS
from trajectune.environments.web_navigation.tournament import LETTERS


def moves(environment: WebNavigationEnvironment, split: str, task: int, seed: int = 0):
    play = start(environment, environment.tasks(split)[task], seed)  # type: ignore[arg-type]
    assert play is not None
    seen = play.episode.observation
    while (moved := play.advance()) is not None:
        yield seen, *moved
        seen = moved[1].observation
    assert play.last is not None
    assert play.last.reward == 1


@pytest.mark.parametrize("split", ["train", "dev", "test"])
def test_it_earns_everything_without_a_fault(environment: WebNavigationEnvironment, split: str) -> None:
    for task in range(12):
        for _, _, result in moves(environment, split, task):
            assert result.fault is None


def test_seeds_choose_other_routes_and_words(environment: WebNavigationEnvironment) -> None:
    routes = {
        tuple(str(move.calls[0].arguments) for _, move, _ in moves(environment, "train", 0, seed))
        for seed in range(8)
    }
    thoughts = {next(moves(environment, "train", 0, seed))[1].thought for seed in range(8)}
    assert len(routes) > 1
    assert len(thoughts) > 1


def test_thoughts_are_short_varied_and_say_only_what_is_shown(
    environment: WebNavigationEnvironment,
) -> None:
    thoughts: Counter[str] = Counter()
    for task in range(24):
        for seen, move, _ in moves(environment, "test", task):
            thoughts[move.thought] += 1
            assert len(move.thought.split()) <= 45
            quoted = move.thought.split('"')[1::2]
            lower = seen.lower()
            assert all(part.lower().rstrip(" …") in lower for part in quoted), (move.thought, seen)
    assert len(thoughts) > 100


def test_a_wrong_link_is_shown_untrained_and_made_good() -> None:
    astray = WebNavigationEnvironment(train=12, dev=0, test=0, stray=1.0)
    wrong = 0
    for task in range(12):
        played = list(moves(astray, "train", task))
        untrained = [move for _, move, _ in played if not move.trained]
        wrong += bool(untrained)
        assert all(move.calls[0].arguments["action"] == "CLICK" for move in untrained)
        assert played[-1][1].trained
    assert wrong >= 10


def test_without_straying_everything_is_trained() -> None:
    straight = WebNavigationEnvironment(train=12, dev=0, test=0, stray=0.0)
    for task in range(12):
        assert all(move.trained for _, move, _ in moves(straight, "train", task))


def test_its_letters_are_spread_evenly(environment: WebNavigationEnvironment) -> None:
    said = Counter(
        str(move.calls[0].arguments["choice"])
        for task in range(24)
        for _, move, _ in moves(environment, "train", task)
    )
    assert set(said) == set(LETTERS)
    chosen = sum(said.values()) - said["A"]
    assert all(0.1 < said[letter] / chosen < 0.32 for letter in LETTERS[1:])


def test_every_wording_has_only_the_slots_that_are_filled() -> None:
    for occasion, wordings in WORDINGS.items():
        assert len(set(wordings)) == len(wordings) >= 2
        for wording in wordings:
            assert wording.format(name="N", value="V"), occasion
