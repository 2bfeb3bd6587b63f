"""Lists are sorted, bounded, and keep what the question is about."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.knowledge_graph.listing import MAX_LIST, listed

MANY = [f"domain{n}.type{n}.some_property_{n}" for n in range(400)]


def test_a_short_list_is_whole_and_sorted():
    assert listed({"b": 1, "a": 2}, "?", "relations") == "[a, b]"
    assert listed([], "?", "relations") == "[]"


def test_a_long_list_says_how_many_are_left_out():
    seen = listed(MANY, "?", "relations")
    shown = seen[1 : seen.index("]")].split(", ")
    assert len(seen) <= MAX_LIST
    assert seen.endswith(f"] (and {len(MANY) - len(shown)} more relations)")
    assert shown == sorted(shown)


def test_what_shares_words_with_the_question_stays():
    names = [*MANY, "zoo.animal.countries_of_origin", "zoo.animal.weight"]
    seen = listed(names, "What country does the animal come from?", "relations")
    assert "zoo.animal.countries_of_origin" in seen
    assert "zoo.animal.weight" in seen
    assert "zoo.animal" not in listed(names, "Who wrote it?", "relations")


@given(st.lists(st.text(max_size=300), max_size=60), st.text(max_size=50))
def test_any_list_is_bounded(names: list[str], question: str):
    assert len(listed(names, question, "attributes")) <= MAX_LIST
