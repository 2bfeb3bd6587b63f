"""Thoughts: one line, in the question's words where they are known."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.knowledge_graph.expert import thoughts
from trajectune.environments.knowledge_graph.sources.problem import GoldCall

CALLS = [
    GoldCall("get_relations", ("Chad",)),
    GoldCall("get_neighbors", ("Chad", "country.neighbours"), "the countries that border Chad"),
    GoldCall("get_neighbors", ("#0", "country.official_languages")),
    GoldCall("intersection", ("#0", "#1"), "x"),
    GoldCall("get_attributes", ("#2",)),
    GoldCall("argmax", ("#2", "country.area"), "the largest by area of them"),
    GoldCall("argmin", ("#2", "country.area")),
    GoldCall("count", ("#2",)),
]


@pytest.mark.parametrize("number", range(len(CALLS)))
def test_every_call_has_several_thoughts(number: int):
    said = {thoughts.thought(Random(seed), CALLS[number], CALLS[:number]) for seed in range(40)}
    assert len(said) >= 2
    for thought in said:
        assert "\n" not in thought
        assert "{" not in thought
        assert thought[-1] in ".?:"


def test_a_thought_uses_the_question_s_words_or_the_relation_s():
    with_purpose = {thoughts.thought(Random(seed), CALLS[1], []) for seed in range(40)}
    assert all("the countries that border Chad" in thought for thought in with_purpose)
    without = {thoughts.thought(Random(seed), CALLS[2], []) for seed in range(40)}
    assert any("official languages" in thought for thought in without)


def test_the_second_entity_is_spoken_of_as_the_second():
    first = {thoughts.thought(Random(seed), CALLS[0], []) for seed in range(40)}
    later = {thoughts.thought(Random(seed), CALLS[0], [CALLS[1]]) for seed in range(40)}
    assert not first & later


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("country.official_languages", "official languages"),
        ("http://a/b#knows", "knows"),
        ("^directed_by", "^directed by"),
        ("http://a/b/", "b"),
        ("...", "..."),
    ],
)
def test_names_say_their_role(name: str, role: str):
    assert thoughts.role(name) == role


def test_a_name_that_looks_like_a_slot_is_left_alone():
    call = GoldCall("get_relations", ("{what} {x}",))
    assert "{what} {x}" in thoughts.thought(Random(0), call, [])


@given(st.text(max_size=30), st.text(max_size=30), st.integers(0, 9))
def test_no_thought_has_a_line_break(name: str, purpose: str, seed: int):
    for call in (GoldCall("get_neighbors", (name, name), purpose), GoldCall("count", (name,), purpose)):
        assert "\n" not in thoughts.thought(Random(seed), call, [])
    assert "\n" not in thoughts.committing(Random(seed), name, purpose)


def test_an_unknown_tool_has_no_words():
    with pytest.raises(ValueError, match="no words for fly"):
        thoughts.thought(Random(0), GoldCall("fly", ("x",)), [])
