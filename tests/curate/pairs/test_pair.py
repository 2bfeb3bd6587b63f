"""One preference pair: a shared prompt, two ways to go on, and the reasons why there is none."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from trajectune.curate.pairs.pair import (
    CHOSEN_FAULT,
    OTHER_ANSWER,
    OTHER_PROBLEM,
    SAME_WORDS,
    UNWRITABLE,
    Form,
    NoPairError,
    Pair,
    make_pair,
)
from trajectune.dialects.conversation import to_example
from trajectune.dialects.registry import get_dialect
from trajectune.trajectory import Action, Fault, Outcome, Reply, Step, Tool, ToolCall, Trajectory

JSON, NATIVE = get_dialect("json", "guess"), get_dialect("native", "guess")


def guessed(number: int, answer: str = "no", fault: Fault | None = None) -> Step:
    call = ToolCall(name="guess", arguments={"number": number})
    return Step(thought="Hm.", actions=[Action(call=call, observation=answer, fault=fault)])


def played(*steps: Step | int, reward: float = 1.0, told: str = "Guess.", id: str = "a") -> Trajectory:
    return Trajectory(
        id=f"{id}/{reward}",
        environment="guess",
        task="a",
        instruction="A game.",
        tools=[Tool(name="guess", parameters={"type": "object"})],
        observation=told,
        steps=[step if isinstance(step, Step) else guessed(step) for step in steps],
        reward=reward,
        outcome=Outcome.COMPLETED,
    )


def made(success: Trajectory, failure: Trajectory, form: Form = "episode") -> Pair | str:
    """The pair, or the reason why there is none."""
    try:
        return make_pair(success, failure, JSON, form)
    except NoPairError as error:
        return str(error)


def test_what_is_shared_is_the_prompt() -> None:
    success, failure = played(1, 2, 3), played(1, 4, 5, 6, reward=0.0)
    pair = made(success, failure)
    assert isinstance(pair, Pair)
    better, worse = (to_example(each, JSON).messages for each in (success, failure))
    assert [*pair.prompt, *pair.chosen] == better
    assert [*pair.prompt, *pair.rejected] == worse
    assert [message.role for message in pair.prompt] == ["user", "assistant", "user"]
    step = made(success, failure, "step")
    assert isinstance(step, Pair)
    assert (step.prompt, step.chosen, step.rejected) == (pair.prompt, pair.chosen[:1], pair.rejected[:1])


def test_why_there_is_no_pair() -> None:
    failure = played(4, reward=0.0)
    assert made(played(4, 5), failure) == SAME_WORDS
    assert made(played(1, told="Guess again."), failure) == OTHER_PROBLEM
    assert made(played(guessed(4, "yes"), 5), played(4, 6, reward=0.0)) == OTHER_ANSWER
    assert made(played(1, guessed(2, fault=Fault.BAD_ARGUMENTS)), failure) == CHOSEN_FAULT
    shown = guessed(2).model_copy(update={"trained": False})
    assert made(played(shown, 3), failure) == CHOSEN_FAULT
    assert made(played(), failure) == UNWRITABLE


def test_a_step_pair_asks_only_for_its_own_reply() -> None:
    success = played(1, guessed(2, fault=Fault.BAD_ARGUMENTS), 3)
    assert isinstance(made(success, played(4, reward=0.0), "step"), Pair)
    unread = Step(fault=Fault.BAD_FORMAT, replies=[Reply(text="What?")], observation="Call a tool.")
    pair = made(played(1), played(unread, 2, reward=0.0), "step")
    assert isinstance(pair, Pair)
    assert pair.rejected[0].content == "What?"


def test_a_row_of_native_calls() -> None:
    row = make_pair(played(1, 2), played(1, 3, reward=0.0), NATIVE).row()
    assert [turn["role"] for turn in row["prompt"]] == ["system", "user", "assistant", "tool"]
    (call,) = row["chosen"][0]["tool_calls"]
    assert call["function"] == {"name": "guess", "arguments": {"number": 2}}
    assert row["prompt"][-1]["tool_call_id"] == row["prompt"][-2]["tool_calls"][0]["id"]
    (tool,) = json.loads(row["tools"])
    assert (tool["type"], tool["function"]["name"]) == ("function", "guess")
    assert (row["id"], row["chosen_reward"], row["rejected_reward"]) == ("a/1.0 > a/0.0", 1.0, 0.0)


def test_ids_of_calls_do_not_tell_conversations_apart() -> None:
    def named(id: str, last: int, reward: float) -> Trajectory:
        call = ToolCall(name="guess", arguments={"number": 1}, id=id)
        return played(Step(actions=[Action(call=call, observation="no")]), last, reward=reward)

    pair = make_pair(named("x", 2, 1.0), named("y", 3, 0.0), NATIVE)
    assert len(pair.prompt) == 4


moves = st.lists(st.integers(0, 2), min_size=1, max_size=4)


@given(moves, moves, st.sampled_from(["episode", "step"]))
def test_prompts_end_with_the_user_and_completions_differ_at_once(
    better: Sequence[int], worse: Sequence[int], form: Any
) -> None:
    success, failure = played(*better), played(*worse, reward=0.0)
    pair = made(success, failure, form)
    shared = next((n for n, (a, b) in enumerate(zip(better, worse, strict=False)) if a != b), None)
    if shared is None:
        assert pair == SAME_WORDS
        return
    assert isinstance(pair, Pair)
    assert pair.prompt[-1].role == "user"
    assert sum(message.role == "assistant" for message in pair.prompt) == shared
    assert pair.chosen[0].role == pair.rejected[0].role == "assistant"
    assert pair.chosen[0].content != pair.rejected[0].content
    assert [*pair.prompt, *pair.chosen] == to_example(success, JSON).messages[
        : len(pair.prompt) + len(pair.chosen)
    ]
    if form == "step":
        assert len(pair.chosen) == len(pair.rejected) == 1
