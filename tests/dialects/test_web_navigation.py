"""AgentBench's grammar of Mind2Web answers: what is read, what is written, and that the two agree."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.steps import check_read_back, hostile_text, moved, read_text, written
from trajectune.dialects.contract import CannotWriteError, Opening
from trajectune.dialects.conversation import same_move
from trajectune.dialects.registry import get_dialect
from trajectune.environments.play import start
from trajectune.environments.web_navigation import WebNavigationEnvironment
from trajectune.example import Capability
from trajectune.trajectory import Fault, ToolCall

WEB = get_dialect("agentbench", "web_navigation")
ROWS = "agentinstruct/sample_mind2web.json"


def chosen(**arguments: str) -> ToolCall:
    return ToolCall(name="choose", arguments={**arguments})


GOLDEN = [
    (chosen(choice="A"), "Answer: A."),
    (chosen(choice="B", action="CLICK"), "Answer: B.\nAction: CLICK"),
    (chosen(choice="F", action="SELECT", value="Pickup"), "Answer: F.\nAction: SELECT\nValue: Pickup"),
    (
        chosen(choice="C", action="TYPE", value="New York: x"),
        "Answer: C.\nAction: TYPE\nValue: New York: x",
    ),
]


@pytest.mark.parametrize(("call", "text"), GOLDEN)
def test_golden_forms(call: ToolCall, text: str) -> None:
    assert written(WEB, moved("Hm.", call)) == f"Thought: Hm.\n{text}"
    assert written(WEB, moved("", call)) == text
    assert read_text(WEB, text).calls == (call,)


@pytest.mark.parametrize(
    ("reply", "call"),
    [
        ("Thought: x\nAnswer: B\nAction: CLICK", chosen(choice="B", action="CLICK")),
        ("I think so. Answer: D. Action: CLICK", chosen(choice="D", action="CLICK")),
        ("Answer: C.\nAction: SET\nValue: $50,000", chosen(choice="C")),
        ("Answer: C.\nAction: TYPE\nValue:  a b  \nmore", chosen(choice="C", action="TYPE", value="a b")),
        ("Answer: A. None of the above", chosen(choice="A")),
        ("Answer: B. <a id=0> x </a>\nAction: CLICK\n", chosen(choice="B", action="CLICK")),
    ],
)
def test_what_models_really_write_is_read(reply: str, call: ToolCall) -> None:
    assert read_text(WEB, reply).calls == (call,)


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "Action: CLICK",
        "Answer: G.",
        "Answer: Bee",
        "Answer:",
        "\x00",
        "Answer: B.\nAnswer: C.",
        "answer b",
    ],
)
def test_a_reply_without_one_answer_is_bad_format(reply: str) -> None:
    reading = read_text(WEB, reply)
    assert reading.fault is Fault.BAD_FORMAT
    assert reading.detail


def test_a_refusal_is_told_from_bad_format() -> None:
    assert read_text(WEB, "I'm sorry, but I can't help with that.").fault is Fault.REFUSAL


@pytest.mark.parametrize(
    "call",
    [
        chosen(choice="G"),
        chosen(choice="b"),
        chosen(),
        chosen(choice="B", value="x"),
        chosen(choice="B", action="click"),
        chosen(choice="B", action="TYPE", value=""),
        chosen(choice="B", action="TYPE", value=" x"),
        chosen(choice="B", action="TYPE", value="x\ny"),
        chosen(choice="B", action="CLICK", more="x"),
        ToolCall(name="click"),
    ],
)
def test_what_it_has_no_words_for_is_told(call: ToolCall) -> None:
    with pytest.raises(CannotWriteError, match="'agentbench' cannot write this"):
        WEB.speak(moved("", call))


@given(
    thought=hostile_text,
    letter=st.sampled_from("ABCDEF"),
    action=st.sampled_from(["CLICK", "SELECT", "TYPE"]),
    value=hostile_text,
)
@example(thought="Answer: B.", letter="C", action="TYPE", value="Value: Answer: D.")
@example(thought="\nThought: x\nAction: CLICK\nValue: y", letter="A", action="TYPE", value="\\Answer: B")
def test_answers_are_read_back_or_refused(thought: str, letter: str, action: str, value: str) -> None:
    step = moved(thought, chosen(choice=letter, action=action, value=value))
    try:
        reading = check_read_back(WEB, step)
    except CannotWriteError:
        assert value != value.strip() or not value or "\n" in value
    else:
        assert same_move(reading, step)


@given(hostile_text)
def test_reading_never_raises(reply: str) -> None:
    reading = read_text(WEB, reply)
    assert bool(reading.calls) == (reading.fault is None)


def test_spans_know_the_thought_the_arguments_and_the_form() -> None:
    (turn,) = WEB.speak(moved("Hm.", chosen(choice="B", action="TYPE", value="x")))
    by = {span.text: (span.capability, span.format) for span in turn.spans}
    assert by["Hm."] == (Capability.REASONING, False)
    assert by["x"] == (Capability.UNDERSTANDING, False)
    assert by["\nValue: "] == (Capability.INSTRUCTION_FOLLOWING, True)


@pytest.mark.parametrize("name", ["agentbench", "react", "json", "native"])
def test_an_experts_episode_is_written_and_read_back_in_every_dialect(name: str) -> None:
    environment = WebNavigationEnvironment(train=12, dev=0, test=0)
    dialect = get_dialect(name, "web_navigation")
    for task in environment.tasks("train"):
        play = start(environment, task, 0)
        assert play is not None
        opening = Opening(environment.instruction(task), environment.tools, play.episode.observation)
        assert play.episode.observation in dialect.open(opening)[-1].content
        while (moved_on := play.advance()) is not None:
            step = moved(moved_on[0].thought, *moved_on[0].calls)
            assert same_move(check_read_back(dialect, step), step)


def test_agentinstructs_rows_are_read(shared_data: Path) -> None:
    rows = json.loads((shared_data / ROWS).read_text(encoding="utf-8"))
    calls = [read_text(WEB, row["conversations"][-1]["content"]).calls for row in rows]
    assert len(calls) == 5
    assert all(len(call) == 1 for call in calls)
    assert calls[0] == (chosen(choice="B", action="CLICK"),)
    assert calls[1] == (chosen(choice="C"),), "SET is no action"
    assert calls[4] == (chosen(choice="C", action="TYPE", value="123456"),)


def test_our_questions_have_the_form_of_agentinstructs_rows(shared_data: Path) -> None:
    environment = WebNavigationEnvironment(train=1, dev=0, test=0)
    ours = environment.open(environment.tasks("train")[0]).observation
    for row in json.loads((shared_data / ROWS).read_text(encoding="utf-8")):
        theirs = row["conversations"][0]["content"]
        for mark in ("'''\n<html>", "\nTask: ", "\nPrevious actions:\n", "\n\nA. None of the above\nB. <"):
            assert mark in theirs
            assert mark in ours


@pytest.mark.parametrize(
    "unit", [" ", "\n", "Answer:", "Answer: B.\n", " Answer: ", "Action: ", "Value:", "\\", "Thought: "]
)
def test_a_hundred_kilobytes_are_read_in_linear_time(unit: str) -> None:
    body = unit * (100_000 // len(unit))
    start_of_it = time.perf_counter()
    for head in ("", "Answer: B.\n", "Answer: B.\nAction: TYPE\n"):
        read_text(WEB, head + body)
    assert time.perf_counter() - start_of_it < 2.0
