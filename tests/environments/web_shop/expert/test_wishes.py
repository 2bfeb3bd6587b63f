"""What an expert takes in of an instruction, and what it searches for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from trajectune.environments.web_shop import WebShopEnvironment
from trajectune.environments.web_shop.expert.wishes import searches, wish
from trajectune.environments.web_shop.shop.goal import Goal, goal
from trajectune.environments.web_shop.shop.search import split


def test_a_wish_taken_apart(wished: Goal) -> None:
    found = wish(wished)
    assert found.words == ("waterproof", "rain", "coat", "zip", "pockets", "navy")
    assert found.nouns == ("rain", "coat")
    assert searches(found) == [
        "waterproof rain coat zip pockets",
        "waterproof rain coat zip pockets navy",
        "waterproof rain coat",
        "rain coat",
    ]


def test_a_thing_that_the_instruction_does_not_name_is_what_remains(wished: Goal) -> None:
    found = wish(replace(wished, query="hooded jackets"))
    assert found.nouns == ("rain", "coat")
    named = wish(replace(wished, instruction="a rain coat, waterproof", query="waterproof coat"))
    assert named.nouns == ("waterproof", "coat")


@pytest.mark.parametrize("told", ["", "!!!", "i want this", "$5", "for less than 40.00 dollars"])
def test_an_instruction_without_a_telling_word(wished: Goal, told: str) -> None:
    found = wish(replace(wished, instruction=told, query=""))
    assert set(found.words) <= set(split(told))
    assert "dollars" not in found.words


def test_searches_use_words_of_the_instruction_alone(environment: WebShopEnvironment) -> None:
    for split_name in ("train", "test"):
        for task in environment.tasks(split_name):
            wanted = goal(task.data["goal"])
            told = split(wanted.instruction)
            for search in searches(wish(wanted)):
                assert set(split(search)) <= set(told)
                assert set(split(wanted.query)) <= set(split(search))
