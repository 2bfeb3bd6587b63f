"""The OS grammar of AgentBench: what is written is read back, and what models really wrote is read."""

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
from trajectune.example import Capability
from trajectune.trajectory import Action, Demonstration, Fault, Step, ToolCall

DIALECT = get_dialect("agentbench", "operating_system")
FINISH = ToolCall(name="finish_action")
own = st.lists(
    st.sampled_from(
        ["Act: bash", "Act: finish", "Act: answer(1)", "```bash", "```", "Think: ", "\n", "\\", "x"]
    )
)
nasty = st.one_of(hostile_text, own.map("".join), own.map("\n".join))


def bash(script: str) -> ToolCall:
    return ToolCall(name="bash_action", arguments={"script": script})


def answer(text: str) -> ToolCall:
    return ToolCall(name="answer_action", arguments={"answer": text})


@given(nasty, nasty)
@example("Act: finish", "cat <<E\n```\nAct: answer(1)\nE")
@example("", "")
@example("\n", "\n")
@example("Think: x\n\n", "```bash\nls\n```")
def test_scripts_are_read_back(thought: str, script: str) -> None:
    step = moved(thought, bash(script))
    assert same_move(check_read_back(DIALECT, step), step)


@given(nasty, nasty)
@example("", ") (")
@example("", "Act: finish")
def test_answers_of_one_line_are_read_back(thought: str, text: str) -> None:
    step = moved(thought, answer(text))
    if "\n" in text:
        with pytest.raises(CannotWriteError, match="several lines"):
            DIALECT.speak(step)
    else:
        assert same_move(check_read_back(DIALECT, step), step)


@given(nasty)
def test_the_end_is_read_back(thought: str) -> None:
    step = moved(thought, FINISH)
    assert same_move(check_read_back(DIALECT, step), step)


@given(nasty)
def test_reading_never_raises_and_a_fault_stands_for_a_missing_move(reply: str) -> None:
    reading = read_text(DIALECT, reply)
    assert bool(reading.calls) == (reading.fault is None)
    assert reading.calls or reading.detail


def test_golden_forms() -> None:
    assert written(DIALECT, moved("I count.", bash("ls /etc | wc -l"))) == (
        "Think: I count.\n\nAct: bash\n\n```bash\nls /etc | wc -l\n```"
    )
    assert written(DIALECT, moved("Done.", FINISH)) == "Think: Done.\n\nAct: finish"
    assert written(DIALECT, moved("So.", answer("a (b)"))) == "Think: So.\n\nAct: answer(a (b))"
    assert written(DIALECT, moved("", FINISH)) == "Act: finish"


def test_spans_know_their_parts() -> None:
    (turn,) = DIALECT.speak(moved("Why.", bash("ls")))
    parts = {span.capability: span.text for span in turn.spans or ()}
    assert parts[Capability.REASONING] == "Why."
    assert parts[Capability.RETRIEVAL] == "bash"
    assert parts[Capability.UNDERSTANDING] == "ls"


@pytest.mark.parametrize(
    ("reply", "call"),
    [
        ("Think: x\n\nAct: bash\n\n```bash\nls\n```", bash("ls")),
        ("Think: x\nAct: bash\n```bash\nls\n```\nthen\n```bash\npwd\n```", bash("ls\n\npwd")),
        ("Act: bash\n```bash\nls\n```\nAct: finish", FINISH),
        ("Act: answer(1)\nAct: bash", answer("1")),
        ("Act: answer 5\nAct: answer(6)", answer("6")),
        ("Act: answer(6)\nAct: answer 5", answer("6")),
        ("I know it. Act: answer(f(x))", answer("f(x)")),
        ("act: FINISH", FINISH),
        ("Think: a\n\nAct: answer()", answer("")),
        ("Act: bash\n```sh\nls\n```", bash("ls")),
    ],
)
def test_the_last_valid_act_counts_as_in_agentbench(reply: str, call: ToolCall) -> None:
    assert read_text(DIALECT, reply).calls == (call,)


@pytest.mark.parametrize(
    "reply",
    [
        "", "Think: hm", "Act: bash", "Act: bash\n```bash\nls", "Act: bash\n```python\nx\n```",
        "Act: answer 5", "Act: fly", "Act: answer)(", "```bash\nls\n```", "\x00\x1b[31m",
    ],
)  # fmt: skip
def test_what_holds_no_act_is_bad_format(reply: str) -> None:
    reading = read_text(DIALECT, reply)
    assert reading.fault is Fault.BAD_FORMAT
    assert "Act: answer(" in reading.detail


def test_a_refusal_is_told_from_bad_format() -> None:
    assert read_text(DIALECT, "I'm sorry, but I can't help with that.").fault is Fault.REFUSAL


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (moved("", ToolCall(name="bash")), r"bash_action\(script\)"),
        (moved("", ToolCall(name="finish_action", arguments={"thought": "x"})), r"finish_action\(\)"),
        (moved("", answer("a").model_copy(update={"arguments": {"answer": 5}})), r"answer_action\(answer"),
        (moved("", message="Hello?"), "words to the user"),
        (moved("", FINISH, FINISH), "2 calls"),
        (Step(fault=Fault.BAD_FORMAT), "without a call"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(step: Step, reason: str) -> None:
    with pytest.raises(CannotWriteError, match=rf"'agentbench' cannot write this: .*{reason}"):
        DIALECT.speak(step)


def test_the_problem_is_announced_and_told_from_the_one_that_is_shown() -> None:
    shown = Demonstration(
        observation="First?", steps=[Step(thought="T.", actions=[Action(call=answer("1"))])]
    )
    plain = DIALECT.open(Opening("Rules.", (), "Second?"))
    assert [message.role for message in plain] == ["user"]
    assert plain[0].content.startswith("Rules.")
    assert plain[0].content.endswith("\n\nSecond?")
    for form in ("Act: bash\n\n```bash\n", "\n\nAct: finish\n", "\n\nAct: answer(42)\n"):
        assert form in plain[0].content
    with_one = DIALECT.open(Opening("Rules.", (), "Second?", shown))
    assert [message.role for message in with_one] == ["user", "assistant", "user"]
    assert with_one[0].content.endswith("First?")
    assert with_one[2].content.endswith("new problem:\n\nSecond?")


@pytest.mark.parametrize(
    "unit", ["Act: ", "Act: bash\n", "```bash\n", "\n```", "\\", "Act: answer(", ")", "Think: "]
)
def test_a_hundred_kilobytes_are_read_in_linear_time(unit: str) -> None:
    begin = time.perf_counter()
    for head in ("", "Act: bash\n```bash\n", "Act: answer(", "Think: "):
        read_text(DIALECT, head + unit * (100_000 // len(unit)))
    assert time.perf_counter() - begin < 4.0


def test_all_real_turns_of_agentinstruct_are_read_and_written_back(shared_data: Path) -> None:
    rows = json.loads((shared_data / "agentinstruct/sample_os.json").read_text(encoding="utf-8"))
    turns = [t["content"] for row in rows for t in row["conversations"] if t["role"] == "assistant"]
    assert len(turns) >= 20
    for turn in turns:
        reading = read_text(DIALECT, turn)
        assert reading.calls, turn
        assert "Act:" not in reading.thought
        again = read_text(DIALECT, written(DIALECT, moved(reading.thought, *reading.calls)))
        assert again == reading
