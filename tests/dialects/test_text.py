"""Laws of what the text dialects share: quoting hides every marker and is undone; JSON is bounded."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.steps import hostile_text, json_values, moved
from trajectune.dialects.text import (
    MAX_JSON_CHARS,
    MAX_JSON_DEPTH,
    Markers,
    before,
    describe_tool,
    dump_json,
    load_json,
    no_move,
    only_call,
    plain,
    unfenced,
)
from trajectune.trajectory import Fault, Tool, ToolCall

MARKERS = {
    "react": Markers(r"Action:|Action Input:|Final Answer:|Observation:"),
    "any case": Markers("action:", re.IGNORECASE),
    "fence": Markers(r"```|Action:[ \t]*(?:Operation|Answer)\b"),
}
BEGINS = {
    "react": re.compile(r"^[ \t]*(?:Action:|Action Input:|Final Answer:|Observation:)", re.MULTILINE),
    "any case": re.compile(r"^[ \t]*action:", re.MULTILINE | re.IGNORECASE),
    "fence": re.compile(r"^[ \t]*(?:```|Action:[ \t]*(?:Operation|Answer)\b)", re.MULTILINE),
}


@pytest.mark.parametrize("name", MARKERS)
@given(text=hostile_text)
@example(text="Action: x\n \\Action: y\n\t\\\\Action: z")
@example(text="\\")
def test_quoting_hides_every_marker_and_is_undone(name: str, text: str) -> None:
    markers = MARKERS[name]
    quoted = markers.quote(text)
    assert not BEGINS[name].search(quoted)
    assert markers.unquote(quoted) == text
    assert markers.unquote(markers.unquote(markers.quote(quoted))) == text, "quoted twice, undone twice"


@pytest.mark.parametrize("name", MARKERS)
@given(text=st.text(alphabet="abc \n\\"))
def test_text_without_a_marker_is_left_alone(name: str, text: str) -> None:
    assert MARKERS[name].quote(text) == MARKERS[name].unquote(text) == text


@pytest.mark.parametrize(
    ("text", "quoted"),
    [
        ("Action: x", "\\Action: x"),
        ("  Action: x", "  \\Action: x"),
        ("\\Action: x", "\\\\Action: x"),
        ("an Action: x", "an Action: x"),
        ("a\r\nAction: x", "a\r\n\\Action: x"),
        ("a\u2028Action: x", "a\u2028Action: x"),
    ],
)
def test_only_the_beginning_of_a_line_is_quoted(text: str, quoted: str) -> None:
    assert MARKERS["react"].quote(text) == quoted


@given(json_values)
def test_what_is_dumped_is_loaded_whatever_follows(value: Any) -> None:
    text = dump_json(value)
    assert "\n" not in text
    assert load_json(text) == load_json(f" \n{text} and more") == plain(value)


@given(st.text(alphabet="\ud800\udc00\udfffaé𝄞"))
def test_text_in_json_can_be_stored_in_any_file(text: str) -> None:
    found = load_json(json.dumps({text: [text]}))
    for each in (*found, *found.values()):
        (each if isinstance(each, str) else each[0]).encode()
    assert plain(plain(text)) == plain(text)


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth > 1 else 1


@pytest.mark.parametrize("wrap", [lambda value: value, lambda value: {"k": value}])
def test_nesting_is_bounded_in_both_directions(wrap: Any) -> None:
    deepest = MAX_JSON_DEPTH - (wrap(0) != 0)
    assert load_json(dump_json(wrap(nested(deepest)))) == wrap(nested(deepest))
    for attempt in (dump_json, lambda value: load_json(json.dumps(value))):
        with pytest.raises(ValueError, match="nested too deeply"):
            attempt(wrap(nested(deepest + 1)))


def test_length_is_bounded() -> None:
    longest = "x" * (MAX_JSON_CHARS - 2)
    assert load_json(dump_json(longest)) == longest
    with pytest.raises(ValueError, match="too long"):
        dump_json(longest + "x")
    with pytest.raises(ValueError, match="Unterminated"):
        load_json(json.dumps(longest + "x"))


@pytest.mark.parametrize("text", ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "", "{", "nul"])
def test_what_is_no_json_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        load_json(text)


@pytest.mark.parametrize(
    ("text", "inside"),
    [("```json\n{}", "\n{}"), ("```\n[1]\n```", "\n[1]\n```"), (" {}", " {}"), ("a ``` b", "a ``` b")],
)
def test_a_fence_at_the_beginning_is_taken_off(text: str, inside: str) -> None:
    assert unfenced(text) == inside


@given(hostile_text, hostile_text)
def test_what_stands_above_a_marker_loses_one_line_break_at_most(above: str, below: str) -> None:
    assert before(f"{above}\n{below}", len(above) + 1) == above


LOOK = ToolCall(name="look")


def test_the_only_call_of_a_step() -> None:
    assert only_call(moved("hm", LOOK)) == LOOK
    for step, said in (
        (moved("hm", LOOK, LOOK), "2 calls in one step"),
        (moved("hm", message="Hi"), "words to the user"),
        (moved("hm"), "a step without a call"),
    ):
        with pytest.raises(ValueError, match=said):
            only_call(step)


@pytest.mark.parametrize(
    ("reply", "fault"),
    [
        ("I'm sorry, I can't help with that.", Fault.REFUSAL),
        ("As an AI, I do not act.", Fault.REFUSAL),
        ("I cannot access the database.", Fault.REFUSAL),
        ("I can't see a mug, so I look elsewhere.", Fault.BAD_FORMAT),
        ("x" * 300 + " I'm sorry", Fault.BAD_FORMAT),
        ("", Fault.BAD_FORMAT),
    ],
)
def test_a_reply_without_a_move_declines_or_is_badly_formed(reply: str, fault: Fault) -> None:
    reading = no_move(reply, "a thought", "what to write")
    assert (reading.fault, reading.thought, reading.detail) == (fault, "a thought", "what to write")
    assert (reading.calls, reading.message) == ((), None)


def test_a_tool_is_described_on_one_line() -> None:
    tool = Tool(name="look", description="Looks.", parameters={"type": "object"})
    assert describe_tool(tool) == '- look: Looks. Arguments (JSON schema): {"type": "object"}'
    assert describe_tool(Tool(name="look")) == "- look Arguments (JSON schema): {}"
