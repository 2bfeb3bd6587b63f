"""Tool calls in a model's text: found, read, and never guessed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.models.chat.filter import CallFilter
from trajectune.models.chat.forms import (
    FORMS,
    Atem,
    CallForm,
    Gemma4,
    Glm,
    Harmony,
    Hermes,
    Llama3,
    Mistral,
    PythonCalls,
    Xml,
)
from trajectune.trajectory import Tool, ToolCall

JSON = '{"name": "weather", "arguments": {"city": "Rome"}}'
CALL = f"<tool_call>{JSON}</tool_call>"
XML = (
    "<tool_call>\n<function=weather>\n<parameter=city>\nRome\n</parameter>\n"
    "<parameter=days>\n3\n</parameter>\n</function>\n</tool_call>"
)
ROME = ("weather", {"city": "Rome"})
TYPED = Tool(
    name="weather",
    parameters={"properties": {"city": {"type": "string"}, "days": {"type": "string"}}},
)


def called(form: CallForm, text: str, *tools: Tool) -> tuple[str, list[tuple[str, Any]]]:
    content, calls = form.read(text, tools)
    return content, [(call.name, call.arguments) for call in calls]


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        ("Just words.\n", "Just words.\n", []),
        (CALL, "", [ROME]),
        (f"I look.\n{CALL}\n{CALL}\n", "I look.", [ROME, ROME]),
        (f"{CALL} and then", " and then", [ROME]),
        (CALL.removesuffix("</tool_call>"), "", [ROME]),
        ('<tool_call>\n{"name": "now"}\n</tool_call>', "", [("now", {})]),
        (
            '<tool_call>{"name": "say", "arguments": {"text": "</tool_call>"}}</tool_call>',
            "",
            [("say", {"text": "</tool_call>"})],
        ),
        (f"<tool_call>no JSON</tool_call>{CALL}", "<tool_call>no JSON</tool_call>", [ROME]),
        (f"<tool_call>{CALL}", "<tool_call>", [ROME]),
    ],
)
def test_hermes(text: str, content: str, calls: Any) -> None:
    assert called(Hermes(), text) == (content, calls)


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
        '{"name": "a", "arguments": {"b": NaN}}',
        '{"name": "a", "arguments": {"b": "\\ud800"}}',
        '{"name": "a"',
        '{"name": "a"} and more',
        "[" * 100_000,
    ],
)
def test_what_is_no_call_stays_text(inside: str) -> None:
    text = f"  Well <tool_call>{inside}</tool_call> "
    assert Hermes().read(text) == (text, [])


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        (f"I look.\n{XML}", "I look.", [("weather", {"city": "Rome", "days": 3})]),
        (XML.removeprefix("<tool_call>\n"), "\n</tool_call>", [("weather", {"city": "Rome", "days": 3})]),
        ("<tool_call>\n<function=now>\n</function>\n</tool_call>", "", [("now", {})]),
        (
            "<function=f><parameter=x>True</parameter><parameter=y>\na\n\nb\n</parameter></function>",
            "",
            [("f", {"x": True, "y": "a\n\nb"})],
        ),
        ("<function=f><parameter=x>1</function>", "<function=f><parameter=x>1</function>", []),
    ],
)
def test_xml(text: str, content: str, calls: Any) -> None:
    assert called(Xml(), text) == (content, calls)


def test_xml_asks_the_schema_what_is_a_string() -> None:
    assert called(Xml(), XML, TYPED) == ("", [("weather", {"city": "Rome", "days": "3"})])


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        ('{"name": "weather", "parameters": {"city": "Rome"}}', "", [ROME]),
        ('<|python_tag|>{"name": "weather", "parameters": {"city": "Rome"}}', "", [ROME]),
        ('Well. <|python_tag|>{"name": "weather", "arguments": {"city": "Rome"}}\n', "Well.", [ROME]),
        ('{"name": "Ada", "age": 36}', '{"name": "Ada", "age": 36}', []),
        ('See {"name": "a", "parameters": {}}', 'See {"name": "a", "parameters": {}}', []),
        ('{"name": "a", "parameters": {}} Done.', '{"name": "a", "parameters": {}} Done.', []),
        ("<|python_tag|>print(1)", "<|python_tag|>print(1)", []),
    ],
)
def test_llama_3(text: str, content: str, calls: Any) -> None:
    assert called(Llama3(), text) == (content, calls)


@pytest.mark.parametrize(
    ("text", "content", "calls"),
    [
        (f"[TOOL_CALLS] [{JSON}]", "", [ROME]),
        (f"Wait.[TOOL_CALLS][{JSON}, {JSON}]", "Wait.", [ROME, ROME]),
        ('[TOOL_CALLS]weather[ARGS]{"city": "Rome"}', "", [ROME]),
        ('[TOOL_CALLS]weather[ARGS]{"city": "Rome"}[TOOL_CALLS]now[ARGS]{}', "", [ROME, ("now", {})]),
        ("[TOOL_CALLS][]", "[TOOL_CALLS][]", []),
        (f"[TOOL_CALLS][{JSON}, 1]", f"[TOOL_CALLS][{JSON}, 1]", []),
        ("[TOOL_CALLS]weather[ARGS]Rome", "[TOOL_CALLS]weather[ARGS]Rome", []),
    ],
)
def test_mistral(text: str, content: str, calls: Any) -> None:
    assert called(Mistral(), text) == (content, calls)


def test_ids_are_those_of_the_text() -> None:
    listed = '[TOOL_CALLS][{"name": "f", "arguments": {}, "id": "abc123XYZ"}]'
    named = "[TOOL_CALLS]f[CALL_ID]abc123XYZ[ARGS]{}"
    for text in (listed, named):
        assert Mistral().read(text)[1] == [ToolCall(name="f", id="abc123XYZ")]
    assert Hermes().read(CALL)[1][0].id == ""


PLACES: dict[type[CallForm], tuple[str, list[str]]] = {
    Hermes: (
        '<tool_call>{"name": "put", "arguments": {"at": "a \\"b\\"", "n": [1, {"k": 2}]}}',
        ['a \\"b\\"', '[1, {"k": 2}]'],
    ),
    Xml: (
        "<function=put><parameter=at>a</parameter><parameter=n>\n[1]\n</parameter></function>",
        ["a", "[1]"],
    ),
    Glm: ("<tool_call>put\n<arg_key>at</arg_key>\n<arg_value>a</arg_value>\n</tool_call>", ["a"]),
    Mistral: ('[TOOL_CALLS]put[ARGS]{"at": "a", "n": 1.5}', ["a", "1.5"]),
    PythonCalls: ("<|tool_call_start|>[put(at='a', n=[1, 'b'])]<|tool_call_end|>", ["a", "[1, 'b']"]),
    Gemma4: ('<|tool_call>call:put{at:<|"|>a<|"|>,n:[1]}<tool_call|>', ["a", "[1]"]),
    Harmony: (' to=functions.put<|channel|>commentary json<|message|>{"at": "a"}', ["a"]),
    Atem: (
        ' to=put<|message|><atem:function_calls>\n<atem:invoke name="put">\n'
        '<atem:parameter name="at">a</atem:parameter>\n</atem:invoke>\n</atem:function_calls>',
        ["a"],
    ),
    Llama3: (' {"name": "put", "parameters": { "at" : "a" , "n":null } }', ["a", "null"]),
}


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
def test_the_places_of_name_and_values(form: CallForm) -> None:
    text, expected = PLACES[type(form)]
    (block,) = form.blocks(text)
    (found,) = block.calls
    assert text[slice(*found.name)] == "put"
    assert [text[slice(*value)] for value in found.values] == expected


_PIECES = st.sampled_from(
    [
        CALL,
        XML,
        "<tool_call>",
        "</tool_call>",
        "<function=f>",
        "</function>",
        "<tool",
        " ",
        "\n",
        "words",
        JSON,
        '{"name": "a", "parameters": {}}',
        "<|python_tag|>",
        "[TOOL_CALLS]",
        *(text for text, _ in PLACES.values()),
        *("<|start|>assistant", " to=put", "<|channel|>", "<|eom|>", "<|tool_call_start|>", "<|tool_call>"),
        "f[ARGS]",
        "[",
        "]",
        "{}",
        "<",
        "_call>",
    ]
)


@pytest.mark.parametrize("form", FORMS, ids=lambda form: type(form).__name__)
@given(text=st.lists(_PIECES, max_size=8).map("".join), data=st.data())
def test_however_a_reply_is_cut_the_stream_says_what_the_whole_says(
    form: CallForm, text: str, data: st.DataObject
) -> None:
    streamed, sent, place = CallFilter(form), "", 0
    while place < len(text):
        size = data.draw(st.integers(1, 12))
        sent += streamed.push(text[place : place + size])
        place += size
    content, calls = form.read(text)
    assert content.startswith(sent)
    rest = streamed.finish()
    assert sent + rest.content == content
    assert rest.calls == calls
    if not calls:
        assert content == text


def test_plain_text_is_not_held_up() -> None:
    streamed = CallFilter(Hermes())
    assert [streamed.push(part) for part in ("a < b", " and", " <tool", "s> c", "\n")] == [
        "a < b",
        " and",
        "",
        " <tools> c",
        "",
    ]


@pytest.mark.parametrize("form", [Harmony(), Atem()], ids=lambda form: type(form).__name__)
@pytest.mark.parametrize("text", ["to", " to=", " tomorrow", "  to=x", PLACES[Harmony][0], PLACES[Atem][0]])
def test_the_head_of_a_call_is_held_back_sign_by_sign(form: CallForm, text: str) -> None:
    streamed = CallFilter(form)
    sent = "".join(streamed.push(sign) for sign in text)
    content, calls = form.read(text)
    rest = streamed.finish()
    assert (sent + rest.content, rest.calls) == (content, calls)
