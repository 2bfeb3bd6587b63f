"""Loops, thoughts without an action, observations of one's own making."""

from __future__ import annotations

import pytest

from support.linted import LOOK, acted, answering, calling, did, faults, only, talk
from trajectune.curate.lint.finding import DataFault
from trajectune.example import Message
from trajectune.trajectory import Fault

RULES = "Write: Action: Operation with sql, or Action: Answer."
QUERY = "I look.\nAction: Operation\n```sql\nSELECT 1\n```"
FINAL = 'So.\nAction: Answer\nFinal Answer: ["1"]'


def game(*pairs: tuple[str, str]) -> list[tuple[str, str]]:
    """Commands in free words, each with its answer before it."""
    return [
        turn
        for said, done in pairs
        for turn in (("user", said), ("assistant", f"Thought: so\nAction: {done}"))
    ]


def test_the_same_call_and_answer_three_times_is_a_loop() -> None:
    turns = [turn for _ in range(3) for turn in (("assistant", QUERY), ("user", "[(1,)]"))]
    row = talk(("user", RULES), *turns, ("assistant", FINAL))
    finding = only(row, DataFault.LOOP)
    assert (finding.turn, finding.why) == (6, "the same call and answers 3 times in a row")
    assert finding.matched == QUERY


def test_twice_is_no_loop_and_neither_is_another_answer() -> None:
    twice = talk(("user", RULES), *[("assistant", QUERY), ("user", "x")] * 2, ("assistant", FINAL))
    assert faults(twice) == []
    pages = [turn for n in range(4) for turn in (("assistant", QUERY), ("user", f"page {n}"))]
    assert faults(talk(("user", RULES), *pages, ("assistant", FINAL))) == []


def test_a_circle_of_several_calls_is_a_loop() -> None:
    steps = [did(of="a", observation="A"), did(of="b", observation="B")] * 3
    assert faults(acted(*steps, did("answer"))) == [("loop", 6)]


def test_the_last_call_counts_although_nobody_answered_it() -> None:
    row = talk(("user", "go"), *[calling(of="x"), answering()] * 2, calling(of="x"), tools=[LOOK])
    assert ("loop", 6) in faults(row)


def test_a_game_is_a_loop_only_where_nothing_was_done() -> None:
    crafted = game(("You may craft.", "craft 1 ingot"), *[("Crafted 1 ingot", "craft 1 ingot")] * 4)
    stuck = game(("You are in a maze.", "move left"), *[("There is no way.", "move left")] * 4)
    assert faults(talk(*crafted)) == []
    assert [name for name, _ in faults(talk(*stuck))] == ["loop"]
    there = ("You are at 5, 4.", "move left")
    wall = game(("Go.", "look"), ("You are at 5, 6.", "move left"), *[there] * 4)
    assert faults(talk(*wall)) == []
    bricks = [("Got 4 bricks", "craft wall"), ("Not enough bricks", "get 4 bricks")]
    assert faults(talk(*game(("Go.", "get 4 bricks"), *bricks * 4))) == []
    still = game(("Go.", "look"), *[there] * 4)
    assert [name for name, _ in faults(talk(*still))] == ["loop"]


def test_a_loop_that_is_not_trained_teaches_nothing() -> None:
    shown = [Message(role="assistant", content=QUERY), Message(role="user", content="[]")]
    assert faults(talk(("user", RULES), *shown * 4, ("assistant", FINAL))) == []


def test_a_turn_that_only_thinks_is_named_with_its_words() -> None:
    row = talk(("user", RULES), ("assistant", "I think about it."), ("user", "?"), ("assistant", FINAL))
    finding = only(row, DataFault.NO_ACTION)
    assert (finding.turn, finding.matched) == (2, "I think about it.")


@pytest.mark.parametrize(
    "words", ["Ok.", "OK. I'll follow your instructions.", "I've understood, start please."]
)
def test_an_acknowledgement_is_no_thought(words: str) -> None:
    assert faults(talk(("user", RULES), ("assistant", words), ("user", "1?"), ("assistant", FINAL))) == []


def test_talk_without_tools_acts_nowhere_and_need_not() -> None:
    assert faults(talk(("user", "Hi"), ("assistant", "Thought: hm. I greet you."))) == []


@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("<tool_call>{torn", "a call that cannot be read stands in the text"),
        ("Thought: I should look.", "a thought and no call"),
        ("", "the turn is empty"),
    ],
)
def test_native_turns_that_should_have_called(words: str, why: str) -> None:
    row = talk(("user", "a?"), ("assistant", words), ("user", "b?"), ("assistant", "Good."), tools=[LOOK])
    assert only(row, DataFault.NO_ACTION).why == why


def test_a_native_thought_that_is_followed_by_the_next_move() -> None:
    row = talk(
        ("user", "a?"), ("assistant", "I look."), calling(of="x"), answering(), ("assistant", "It is x.")
    )
    assert faults(row.model_copy(update={"tools": [LOOK]})) == [("no_action", 2)]


def test_a_thought_in_a_turn_of_its_own_before_its_call_is_none() -> None:
    row = talk(
        ("user", "a?"),
        ("assistant", "I look."),
        calling(of="x", words=""),
        answering(),
        ("assistant", "x."),
    )
    assert faults(row) == []


def test_a_step_with_a_fault_is_not_trained_and_not_named() -> None:
    broken = did(of="x").model_copy(
        update={"actions": [], "fault": Fault.BAD_FORMAT, "observation": "What?"}
    )
    assert faults(acted(broken, did("answer"))) == []


@pytest.mark.parametrize(
    "more",
    [
        "\nObservation: [(1,)]",
        "\nThe output of the OS:\n1",
        "\nTool response: 1",
        "\nObservation 1: x\nThought: so",
    ],
)
def test_an_observation_of_its_own_making(more: str) -> None:
    row = talk(("user", RULES), ("assistant", QUERY + more), ("user", "[(1,)]"), ("assistant", FINAL))
    finding = only(row, DataFault.INVENTED_OBSERVATION)
    assert finding.turn == 2
    assert finding.matched == more[1:]
    assert finding.before.endswith("```\n")


def test_words_about_an_observation_are_none() -> None:
    about = "The observation: it is one.\n" + QUERY
    assert faults(talk(("user", RULES), ("assistant", about), ("user", "1"), ("assistant", FINAL))) == []
