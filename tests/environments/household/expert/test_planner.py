"""A plan is told move by move: each thought gives the reason for the command that it stands before."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.contract import Move
from trajectune.environments.household.expert.planner import follow
from trajectune.environments.household.expert.thoughts import WORDINGS, Thoughts

OPENING = "You see a desk 1.\nYour task is to: put a hot mug in desk."
PLAN = [
    "go to cabinet 2",
    "open cabinet 2",
    "take mug 1 from cabinet 2",
    "go to microwave 1",
    "heat mug 1 with microwave 1",
    "go to desk 1",
    "move mug 1 to desk 1",
]


def told(plan: list[str], opening: str = OPENING, seed: int = 0) -> list[Move]:
    return list(follow(opening, lambda: plan, random.Random(seed)))


@given(st.integers(0, 999))
def test_the_commands_are_those_of_the_plan_and_every_thought_names_its_things(seed: int) -> None:
    moves = told(PLAN, seed=seed)
    assert [move.calls[0].arguments["command"] for move in moves] == PLAN
    expected = [
        ("mug 1", "cabinet 2"),
        ("cabinet 2",),
        ("mug 1",),
        ("mug 1", "microwave 1", "heat"),
        ("mug 1", "heat"),
        ("mug 1", "desk 1"),
        ("mug 1",),
    ]
    for move, words in zip(moves, expected, strict=True):
        assert all(word in move.thought for word in words)
        assert len(move.thought.split()) <= 25


def test_a_lamp_is_used_to_look_at_the_thing() -> None:
    opening = "You see a desk 1.\nYour task is to: look at mug under the desklamp."
    (move,) = told(["use desklamp 1"], opening)
    assert "desklamp 1" in move.thought
    assert "mug" in move.thought


@pytest.mark.parametrize("command", ["go to desk 1", "go to desk 1 then"])
def test_a_walk_to_nothing_in_particular(command: str) -> None:
    (move,) = told([command])
    assert "desk 1" in move.thought


@pytest.mark.parametrize("command", ["inventory", "look", "close cabinet 1", "examine mug 1", ""])
def test_a_command_without_a_reason_of_its_own_points_to_the_task(command: str) -> None:
    (move,) = told([command])
    assert "put a hot mug in desk" in move.thought


def test_the_plan_is_asked_for_once_and_only_when_the_first_move_is_due() -> None:
    asked: list[int] = []

    def plan() -> list[str]:
        asked.append(1)
        return PLAN

    moves = follow(OPENING, plan, random.Random(0))
    assert asked == []
    assert len(list(moves)) == len(PLAN)
    assert asked == [1]
    assert told([]) == []


@pytest.mark.parametrize("occasion", sorted(WORDINGS))
def test_wordings_differ_and_name_what_the_occasion_needs(occasion: str) -> None:
    forms = WORDINGS[occasion]
    assert len(set(forms)) == len(forms) >= 2
    words = {"thing": "mug 1", "place": "desk 1", "treatment": "heat", "lamp": "desklamp 1"}
    words["task"] = "put two watch in sidetable"
    said = {Thoughts(random.Random(seed)).say(occasion, **words) for seed in range(60)}
    assert len(said) == len(forms)
    assert all(len(text.split()) <= 25 and "{" not in text for text in said)
    assert all(any(value in text for value in words.values()) for text in said)
