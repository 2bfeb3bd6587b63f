"""Tools in the prompt, and calls out of the reply."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.serve.tools import CallFilter, in_words, knows_tools, read_calls

WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {}}}},
}
CALL = '<tool_call>{"name": "weather", "arguments": {"city": "Rome"}}</tool_call>'


def called(text: str) -> tuple[str, list[tuple[str, Any]]]:
    content, calls = read_calls(text)
    functions = [call["function"] for call in calls]
    return content, [(function["name"], json.loads(function["arguments"])) for function in functions]


ROME = ("weather", {"city": "Rome"})


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        ("Just words.\n", "Just words.\n", []),
        (CALL, "", [ROME]),
        (f"I look.\n{CALL}\n{CALL}\n", "I look.", [ROME, ROME]),
        (f"{CALL} and then", " and then", [ROME]),
        (CALL.removesuffix("</tool_call>"), "", [ROME]),
        ('<tool_call>\n{"name": "now"}\n</tool_call>', "", [("now", {})]),
        ('<tool_call>{"name": "say", "arguments": {"text": "</tool_call>"}}</tool_call>', "", "say"),
        (f"<tool_call>no JSON</tool_call>{CALL}", "<tool_call>no JSON</tool_call>", [ROME]),
        (f"<tool_call>{CALL}", "<tool_call>", [ROME]),
    ],
)
def test_calls_are_read(text: str, content: str, calls: Any) -> None:
    found = called(text)
    assert found == (content, [("say", {"text": "</tool_call>"})] if calls == "say" else calls)


@pytest.mark.parametrize(
    "inside",
    [
        "",
        "[1]",
        "null",
        '{"arguments": {}}',
        '{"name": ""}',
        '{"name": 3, "arguments": {}}',
        '{"name": "a", "arguments": "b"}',
        '{"name": "a"',
        '{"name": "a"} and more',
        "[" * 100_000,
    ],
)
def test_what_is_no_call_stays_text(inside: str) -> None:
    text = f"  Well <tool_call>{inside}</tool_call> "
    assert read_calls(text) == (text, [])


_PIECES = st.sampled_from(
    [CALL, "<tool_call>", "</tool_call>", "<tool", " ", "\n", "words", '{"name": "a"}', "<", "_call>"]
)


@given(st.lists(_PIECES, max_size=8).map("".join), st.data())
def test_however_a_reply_is_cut_the_stream_says_what_the_whole_says(text: str, data: st.DataObject) -> None:
    streamed, sent, place = CallFilter(), "", 0
    while place < len(text):
        size = data.draw(st.integers(1, 12))
        sent += streamed.push(text[place : place + size])
        place += size
    content, calls = called(text)
    assert content.startswith(sent)
    rest, found = streamed.finish()
    assert sent + rest == content
    assert [call["function"]["name"] for call in found] == [name for name, _ in calls]


def test_plain_text_is_not_held_up() -> None:
    streamed = CallFilter()
    assert [streamed.push(part) for part in ("a < b", " and", " <tool", "s> c", "\n")] == [
        "a < b",
        " and",
        "",
        " <tools> c",
        "",
    ]


HISTORY = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Weather?"},
    {
        "role": "assistant",
        "content": "I look.",
        "tool_calls": [{"function": {"name": "weather", "arguments": {"city": "Rome"}}}] * 2,
    },
    {"role": "tool", "content": "sun", "tool_call_id": "1"},
    {"role": "tool", "content": "rain", "tool_call_id": "2"},
    {"role": "user", "content": "Thanks."},
]


def test_history_and_tools_are_told_in_words() -> None:
    system, *rest = in_words(HISTORY, [WEATHER])
    assert system["role"] == "system"
    assert system["content"].startswith("Be brief.\n\n")
    assert json.dumps(WEATHER["function"]) in system["content"]
    assert rest == [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": f"I look.\n{CALL}\n{CALL}"},
        {
            "role": "user",
            "content": "<tool_response>\nsun\n</tool_response>\n<tool_response>\nrain\n</tool_response>",
        },
        {"role": "user", "content": "Thanks."},
    ]


def test_what_we_write_of_a_call_is_what_we_read() -> None:
    words = in_words(HISTORY, [])
    assert words[0] == {"role": "system", "content": "Be brief."}
    assert called(words[2]["content"]) == ("I look.", [ROME, ROME])


@pytest.mark.parametrize(
    ("template", "known"),
    [("{% if tools %}<tool_call>", True), ("{{ messages }}", False), ("{% if tools %}[TOOL_CALLS]", False)],
)
def test_templates_that_show_tools_in_another_form_are_not_used_for_them(
    template: str, known: bool
) -> None:
    assert knows_tools(template) is known
