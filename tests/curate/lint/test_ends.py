"""Rows that failed, that are cut short, or whose last turn is not learnt."""

from __future__ import annotations

from typing import Any

import pytest

from support.linted import ANSWER, LOOK, acted, answering, calling, did, faults, findings, only, talk
from trajectune.curate.lint.finding import DataFault
from trajectune.example import Message
from trajectune.trajectory import Outcome

RULES = "Write: Action: Operation with sql, or Action: Answer."
QUERY = "I look.\nAction: Operation\n```sql\nSELECT 1\n```"
FINAL = 'So.\nAction: Answer\nFinal Answer: ["1"]'
LONG = "This is a sentence that has some length. Here is another one, so that it is prose. " * 2


def done(**metadata: Any) -> list[tuple[str, int]]:
    return faults(talk(("user", RULES), ("assistant", FINAL), **metadata))


@pytest.mark.parametrize(
    "facts",
    [{"reward": 0}, {"reward": 0.5}, {"score": 0.0}, {"success": False}, {"won": 0}, {"is_correct": False}],
)
def test_a_row_that_says_itself_that_it_failed(facts: dict[str, Any]) -> None:
    assert done(**facts) == [("failed", 2)]


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"reward": 1.0},
        {"reward": 0.667},
        {"reward": None},
        {"success": True},
        {"won": "no"},
        {"steps": 0},
    ],
)
def test_a_row_that_does_not(facts: dict[str, Any]) -> None:
    assert done(**facts) == []


def test_nothing_is_kept_as_good_that_is_not_trained() -> None:
    shown = Message(role="assistant", content=FINAL)
    assert faults(talk(("user", RULES), shown, reward=0)) == []


@pytest.mark.parametrize(
    ("said", "failed"),
    [
        ("Observation: Episode finished, reward = False", True),
        ("Observation: Episode finished, reward = True", False),
        ("The episode is over. Reward: 0.0", True),
        ("Your reward is 1.0", False),
        ("Task failed.", True),
        ("You lost!", True),
        ("The task is completed.", False),
    ],
)
def test_the_last_observation_tells(said: str, failed: bool) -> None:
    row = talk(("user", RULES), ("assistant", FINAL), ("user", said))
    assert faults(row) == ([("failed", 3)] if failed else [])


@pytest.mark.parametrize(
    "error",
    [
        "1146 (42S02): Table 'a.b' doesn't exist",
        "no such column: x",
        "Traceback (most recent call last): …",
        "Observation: Error: start_date should be later",
        "Observation: get_neighbors cannot be executed. You may make a mistake.",
    ],
)
def test_who_ends_the_task_upon_an_error_failed(error: str) -> None:
    row = talk(("user", RULES), ("assistant", QUERY), ("user", error), ("assistant", FINAL))
    assert faults(row) == [("failed", 3)]
    mended = talk(
        ("user", RULES),
        ("assistant", QUERY),
        ("user", error),
        ("assistant", QUERY),
        ("user", "1"),
        ("assistant", FINAL),
    )
    assert faults(mended) == []


def test_who_gives_up_failed() -> None:
    row = talk(("user", "a?"), calling("finish", return_type="give_up_and_restart"))
    assert only(row, DataFault.FAILED).why == "the agent gives up: give_up_and_restart"


@pytest.mark.parametrize("outcome", [Outcome.BAD_FORMAT, Outcome.BAD_ACTION])
def test_an_episode_that_ended_by_a_mistake(outcome: Outcome) -> None:
    assert faults(acted(did(of="x"), outcome=outcome)) == [("failed", 1)]


def test_an_episode_without_a_reward_is_the_infrastructures_and_failed() -> None:
    row = acted(did(of="x"), outcome=Outcome.AGENT_ERROR, reward=None)
    assert faults(row) == [("failed", 1)]


def test_an_episode_at_its_limit_is_truncated() -> None:
    row = acted(did(of="x"), outcome=Outcome.STEP_LIMIT, reward=1.0)
    assert only(row, DataFault.TRUNCATED).why == "the episode ended by step_limit"


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (("user", "[(1,)]"), "it ends with a turn of the user"),
        (("assistant", QUERY), "the last call is not answer, which ends the task"),
        (("assistant", "I know the answ"), "the last turn breaks off before its action can be read"),
        (("assistant", "Here:\n```sql\nSELECT"), "a block of code is not closed"),
    ],
)
def test_ends_that_are_missing(last: tuple[str, str], why: str) -> None:
    before = [] if last[0] == "user" else [("user", "2")]
    row = talk(("user", RULES), ("assistant", QUERY), ("user", "1"), ("assistant", QUERY), *before, last)
    assert [finding.why for finding in findings(row)] == [why]


def test_a_finish_reason_tells() -> None:
    row = talk(("user", "Hi"), ("assistant", "Hello"), finish_reason="length")
    assert only(row, DataFault.TRUNCATED).why == "finish_reason is length"


@pytest.mark.parametrize(
    ("words", "is_cut"),
    [
        (LONG + "And this one breaks off in the mid", True),
        (LONG, False),
        (LONG + "\n- a list\n- with an item", False),
        (LONG + "See https://example.org/page", False),
        ("Short and without a mark", False),
    ],
)
def test_prose_that_breaks_off(words: str, is_cut: bool) -> None:
    assert faults(talk(("user", "Tell me."), ("assistant", words))) == (
        [("truncated", 2)] if is_cut else []
    )


def test_a_native_call_that_nobody_answers_where_the_agent_talks_to_the_user() -> None:
    turns = [("user", "a?"), ("assistant", "What is it?"), ("user", "x"), calling(of="x", words="")]
    assert faults(talk(*turns, tools=[LOOK])) == [("truncated", 4)]


def test_a_native_call_ends_a_row_where_it_ends_the_task_or_nothing_does() -> None:
    moves = [("user", "a?"), calling(of="x"), answering()]
    assert faults(talk(*moves, calling("answer", id="c2"), tools=[LOOK, ANSWER])) == []
    assert faults(talk(*moves, calling(of="y", id="c2"), tools=[LOOK])) == []
    assert faults(talk(*moves, calling(of="y", id="c2"), tools=[LOOK, ANSWER])) == [("truncated", 4)]


def test_an_agent_that_only_called_ends_within_a_thought() -> None:
    row = talk(("user", "a?"), calling(of="x"), answering(), ("assistant", "Now I"), tools=[LOOK])
    assert only(row, DataFault.TRUNCATED).why == "the last turn breaks off before its call"


def test_the_last_turn_must_be_trained_where_others_are() -> None:
    last = Message(role="assistant", content=FINAL)
    row = talk(("user", RULES), ("assistant", QUERY), ("user", "1"), last)
    assert faults(row) == [("untrained_end", 4)]
    assert faults(talk(("user", RULES), last)) == []


def test_an_episode_whose_last_step_is_not_taught() -> None:
    shown = did("answer").model_copy(update={"trained": False})
    assert faults(acted(did(of="x"), shown)) == [("untrained_end", 2)]
