"""AgentBench's WebShop grammar: its exact forms, what models write in it, and the law of reading back."""

from __future__ import annotations

import gzip
import json
import time
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.steps import check_read_back, hostile_text, moved, read_text, written
from trajectune.dialects.contract import CannotWriteError, Opening
from trajectune.dialects.conversation import same_move
from trajectune.dialects.registry import get_dialect
from trajectune.example import Capability
from trajectune.trajectory import Fault, Reply, Step, ToolCall

SHOP = get_dialect("agentbench", "web_shop")


def search(keywords: str) -> ToolCall:
    return ToolCall(name="search", arguments={"keywords": keywords})


def click(value: str) -> ToolCall:
    return ToolCall(name="click", arguments={"value": value})


def test_golden_forms() -> None:
    assert written(SHOP, moved("I look.", search("red coat"))) == (
        "Thought:\nI look.\n\nAction:\nsearch[red coat]"
    )
    assert written(SHOP, moved("", click("Buy Now"))) == "Action:\nclick[Buy Now]"


def test_every_part_is_known() -> None:
    (message,) = SHOP.speak(moved("I look.", search("red coat")))
    parts = {span.text: span.capability for span in message.spans}
    assert parts["I look."] is Capability.REASONING
    assert parts["search"] is Capability.RETRIEVAL
    assert parts["red coat"] is Capability.UNDERSTANDING


@pytest.mark.parametrize(
    ("reply", "call"),
    [
        ("Thought:\nI think so.\n\nAction: \nclick[B07T3G7L37] ", click("B07T3G7L37")),
        ("Thought: I think so.\nAction: search[red coat]", search("red coat")),
        ("Thought:\nI think so.\n\naction:\nCLICK[Buy Now]", click("Buy Now")),
        ("Action:\nclick[size [large]]", click("size [large]")),
        ("Action:\nclick[B0] and then click[Buy Now]", click("B0")),
        ("I would do this. Action: search[tea]", search("tea")),
        ("Action:\nsearch[]", search("")),
    ],
)
def test_what_models_write_is_read(reply: str, call: ToolCall) -> None:
    reading = read_text(SHOP, reply)
    assert reading.calls == (call,)
    assert "Thought" not in reading.thought


@pytest.mark.parametrize(
    "reply",
    [
        "",
        "click[Buy Now]",
        "Action:\nbuy[now]",
        "Action:\nclick[Buy Now",
        "Action:\nclick[a\nb]",
        "Action:\n\n\nclick[x]",
        "Action:\nclick[a]\nAction:\nclick[b]",
        "\x00\x01",
    ],
)
def test_what_is_no_move_is_bad_format(reply: str) -> None:
    reading = read_text(SHOP, reply)
    assert (reading.calls, reading.fault) == ((), Fault.BAD_FORMAT)
    assert reading.detail


def test_a_refusal_is_told_from_bad_format() -> None:
    assert read_text(SHOP, "I'm sorry, but I can't help with that.").fault is Fault.REFUSAL
    assert read_text(SHOP, "I can't find it, so I look elsewhere.").fault is Fault.BAD_FORMAT


marks = st.lists(st.sampled_from(["[", "]", "Action:", "Thought:", "click[", " ", "x", "\n", "\\"]))


@given(hostile_text | marks.map("".join), hostile_text | marks.map("".join), st.booleans())
@example("Thought:\nAction:\nclick[x]", "a [b] c", True)
@example("\n", "]", False)
def test_moves_are_read_back_or_refused(thought: str, argument: str, searching: bool) -> None:
    step = moved(thought, search(argument) if searching else click(argument))
    if in_pairs(argument):
        assert same_move(check_read_back(SHOP, step), step)
    else:
        with pytest.raises(CannotWriteError, match="one line with its brackets in pairs"):
            SHOP.speak(step)


def in_pairs(argument: str) -> bool:
    """Whether an argument is one line in which every bracket that opens is closed, and no other."""
    depths = list(accumulate((sign == "[") - (sign == "]") for sign in argument))
    return "\n" not in argument and min([0, *depths]) == 0 == [0, *depths][-1]


@given(hostile_text | marks.map("".join))
def test_reading_never_raises(reply: str) -> None:
    reading = read_text(SHOP, reply)
    assert bool(reading.calls) == (reading.fault is None)


@pytest.mark.parametrize(
    "unit", [" ", "\n", "[", "]", "Action:", "Action:\n", "click[", "Thought:", "[]", "\\"]
)
def test_a_hundred_kilobytes_are_read_in_linear_time(unit: str) -> None:
    start = time.process_time()
    for head in ("", "Action:\nclick[", "Thought:\n"):
        SHOP.read([Reply(text=head + unit * (100_000 // len(unit)))])
    assert time.process_time() - start < 2.0


@pytest.mark.parametrize(
    ("step", "reason"),
    [
        (moved("", ToolCall(name="buy")), r"search\(keywords\)"),
        (moved("", ToolCall(name="click", arguments={"value": 3})), r"search\(keywords\)"),
        (moved("", ToolCall(name="click", arguments={"value": "x", "y": 1})), r"search\(keywords\)"),
        (moved("", ToolCall(name="click", arguments={"keywords": "x"})), r"search\(keywords\)"),
        (moved("", click("a"), click("b")), "2 calls in one step"),
        (moved("", message="Hello?"), "words to the user"),
        (Step(fault=Fault.BAD_FORMAT), "without a call"),
    ],
)
def test_what_cannot_be_written_is_refused_by_name(step: Step, reason: str) -> None:
    with pytest.raises(CannotWriteError, match=rf"'agentbench' cannot write this: .*{reason}"):
        SHOP.speak(step)


def test_the_opening_is_agentinstructs() -> None:
    messages = SHOP.open(Opening("Rules.", (), "WebShop [SEP] …"))
    assert [message.role for message in messages] == ["user", "assistant", "user"]
    assert messages[0].content.startswith("Rules.\n\n")
    assert "\n\nThought:\nwhat you think\n\nAction:\nclick[something]\n\n" in messages[0].content
    assert messages[1].content == "Ok."


def test_all_real_replies_are_read_and_written_back(shared_data: Path) -> None:
    """Of AgentGym's trajectories on the real WebShop, and of AgentInstruct's."""
    with gzip.open(shared_data / "agentgym_trajectories/all.jsonl.gz", "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines if "webshop" in line[:200]]
    said = [turn["value"] for row in rows for turn in row["conversations"][2:] if turn["from"] == "gpt"]
    sample = json.loads((shared_data / "agentinstruct/sample_webshop.json").read_text(encoding="utf-8"))
    turns = [turn for row in sample for turn in row["conversations"][2:]]
    said += [turn["content"] for turn in turns if turn["role"] == "assistant"]
    assert len(said) > 2_100
    for reply in said:
        reading = read_text(SHOP, reply)
        assert reading.calls, reply
        assert read_text(SHOP, written(SHOP, moved(reading.thought, *reading.calls))) == reading
