"""An episode answers every call: results, faults, and a reward at the end."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.databases import opened
from trajectune.environments.contract import MAX_OBSERVATION_CHARS
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.errors import EpisodeError
from trajectune.trajectory import Fault, ToolCall

TABLE = Table("pets", [Column("name"), Column("age", "INT")], [["Rex", 3], ["Ada", 9]])
QUESTION = Problem("Which pet is the oldest?", "ranking", "SELECT 1", ["Ada"], [TABLE])
CHANGE = Problem(
    "Rex is 4 now.", "update", "UPDATE `pets` SET `age` = 4 WHERE `name` = 'Rex'", None, [TABLE]
)


def sql(query: object) -> ToolCall:
    return ToolCall.model_validate({"name": "sql", "arguments": {"query": query}})


def answer(values: object) -> ToolCall:
    return ToolCall.model_validate({"name": "answer", "arguments": {"values": values}})


def reward(problem: Problem, *calls: ToolCall) -> float:
    episode = opened(problem)
    results = [episode.step(call) for call in calls]
    assert results[-1].done
    assert episode.step(calls[0]) == results[-1]
    episode.close()
    return results[-1].reward


def test_a_question_is_answered_by_its_values():
    assert reward(QUESTION, answer(["Ada"])) == 1
    assert reward(QUESTION, answer(["Rex"])) == 0
    assert (
        reward(QUESTION, sql("SELECT `name` FROM `pets` ORDER BY `age` DESC LIMIT 1"), answer(["Ada"])) == 1
    )


def test_numbers_in_an_answer_are_taken_as_text():
    problem = Problem("How old is Ada?", "select", "SELECT 9", ["9"], [TABLE])
    assert reward(problem, answer([9])) == 1
    assert reward(problem, answer([None])) == 0


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (["UPDATE `pets` SET `age` = 4 WHERE `name` = 'Rex'"], 1),
        (["UPDATE pets SET age = age + 1 WHERE age = '3'"], 1),
        (["DELETE FROM pets WHERE name = 'Rex'", "INSERT INTO pets VALUES ('Rex', 4)"], 1),
        (["UPDATE pets SET age = 4"], 0),
        (["UPDATE pets SET age = 4 WHERE name = 'Rex'", "INSERT INTO pets VALUES ('Rex', 4)"], 0),
        (["SELECT 1"], 0),
    ],
)
def test_a_change_is_judged_by_the_rows_it_leaves(statements: list[str], expected: float):
    assert reward(CHANGE, *map(sql, statements), answer(["anything"])) == expected


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        (sql("SELEC name FROM pets"), Fault.BAD_ARGUMENTS),
        (sql("SELECT nam FROM pets"), Fault.BAD_ARGUMENTS),
        (sql(""), Fault.BAD_ARGUMENTS),
        (sql(7), Fault.BAD_ARGUMENTS),
        (ToolCall(name="sql"), Fault.BAD_ARGUMENTS),
        (answer("Ada"), Fault.BAD_ARGUMENTS),
        (answer([["Ada"]]), Fault.BAD_ARGUMENTS),
        (ToolCall(name="answer"), Fault.BAD_ARGUMENTS),
        (ToolCall(name="bash", arguments={"x": 1}), Fault.UNKNOWN_TOOL),
    ],
)
def test_wrong_calls_are_answered_with_a_fault(call: ToolCall, fault: Fault):
    episode = opened(QUESTION)
    result = episode.step(call)
    assert (result.fault, result.done) == (fault, False)
    assert result.observation
    assert episode.step(answer(["Ada"])).reward == 1


def test_the_same_call_in_the_same_state_is_a_repetition():
    episode = opened(CHANGE)
    look, grow = sql("SELECT age FROM pets"), sql("UPDATE pets SET age = age + 1")
    assert episode.step(look).fault is None
    repeated = episode.step(look)
    assert (repeated.fault, repeated.observation) == (Fault.REPETITION, "[(3,), (9,)]")
    assert episode.step(grow).fault is None
    assert episode.step(look).observation == "[(4,), (10,)]"
    assert episode.step(grow).fault is None
    assert episode.step(look).fault is None


def test_episodes_do_not_touch_each_other():
    one, two = opened(CHANGE), opened(CHANGE)
    one.step(sql("DELETE FROM pets"))
    assert two.step(sql("SELECT COUNT(*) FROM pets")).observation == "[(2,)]"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(["sql", "answer", "other"]),
    st.dictionaries(st.sampled_from(["query", "values", "x"]), json_values, max_size=3),
)
def test_any_call_is_answered(name: str, arguments: dict):
    episode = opened(QUESTION, 0.5)
    result = episode.step(ToolCall(name=name, arguments=arguments))
    assert result.done or result.fault or name == "sql"
    episode.close()


@pytest.mark.parametrize(
    "values",
    [
        [10**5000],
        [-(10**4300)],
        ["1" * 5000],
        ["9" * 200_000 + "x"],
        ["\ud800"],
        ["a\0b"],
        [float("nan"), float("inf")],
        ["nan", "-Infinity", "1e999"],
        [True, None, 1.5],
        ["x"] * 50_000,
        [str(number) for number in range(50_000)],
        [],
    ],
)
def test_any_answer_is_scored_or_faulted(values: list):
    for problem in (QUESTION, CHANGE):
        episode = opened(problem)
        result = episode.step(ToolCall.model_construct(name="answer", arguments={"values": values}))
        assert result.reward == 0
        assert result.done or result.fault is Fault.BAD_ARGUMENTS
        episode.close()


def test_an_unknown_tool_with_a_long_name_is_answered_briefly():
    episode = opened(QUESTION)
    result = episode.step(ToolCall.model_construct(name="\U000e0001" * 100_000, arguments={}))
    assert result.fault is Fault.UNKNOWN_TOOL
    assert len(result.observation) < MAX_OBSERVATION_CHARS


def test_a_gold_statement_that_fails_is_broken_infrastructure_and_no_reward():
    episode = opened(Problem("?", "update", "UPDATE nowhere SET x = 1", None, [TABLE]))
    with pytest.raises(EpisodeError, match="no such table"):
        episode.step(answer(["x"]))
    episode.close()
