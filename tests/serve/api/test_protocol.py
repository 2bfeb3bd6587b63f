"""What clients may send: what passes cannot break the engine, and what does not is refused by name."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from trajectune.serve.admission import _sampling
from trajectune.serve.api.protocol import ChatRequest, CompletionRequest
from trajectune.serve.tools import as_calls, as_message, as_tool

HELLO = {"role": "user", "content": "Hi"}


def chat(**options: Any) -> ChatRequest:
    return ChatRequest.model_validate({"model": "m", "messages": [HELLO], **options})


def called(arguments: Any) -> dict[str, Any]:
    return {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": arguments}}]}


NUMBERS = st.one_of(st.integers(-(1 << 70), 1 << 70), st.floats(), st.none())


FIELDS = ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "max_tokens", "n")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(FIELDS, NUMBERS)))
def test_whatever_passes_is_something_the_engine_can_do(options: dict[str, Any]) -> None:
    try:
        asked = chat(**options)
    except ValidationError as error:
        wrong = {item["loc"][0] for item in error.errors()}
    else:
        wrong = set()
        _can_be_done(asked)
    assert wrong <= set(options)


def _can_be_done(asked: ChatRequest) -> None:
    rules = _sampling(asked)  # raises for impossible ones
    assert rules.temperature == 0 or rules.temperature >= 1e-4
    assert asked.seed is None or -(1 << 63) <= asked.seed < 1 << 63
    assert asked.longest is None or asked.longest >= 1
    assert 1 <= (asked.n or 1) <= 16


@given(
    st.dictionaries(
        st.text(max_size=4), st.integers() | st.text(max_size=4) | st.lists(st.none()), max_size=3
    )
)
def test_calls_go_through_the_api_and_back(arguments: dict[str, Any]) -> None:
    asked = chat(messages=[HELLO, called(json.dumps(arguments))])
    message = as_message(asked.messages[1])
    assert message.tool_calls[0].arguments == arguments
    (shown,) = as_calls(message.tool_calls)
    again = chat(messages=[HELLO, {"role": "assistant", "tool_calls": [shown]}])
    (call,) = as_message(again.messages[1]).tool_calls
    assert call.same_as(message.tool_calls[0])
    assert len(call.id) == 9


HOSTILE = [
    "[]",
    "0",
    "false",
    "{",
    '{"a": 1',
    '{"a": NaN}',
    '{"a": 1e999}',
    '{"a": "\\ud800"}',
    '{"\\udfff": 1}',
    '{"a": ' + "[" * 300 + "]" * 300 + "}",
    '{"a": ' + "[" * 100_000,
    '{"a": ' + "1" * 5_000 + "}",
]


@pytest.mark.parametrize("arguments", HOSTILE, ids=lambda text: text[:16])
def test_arguments_that_no_prompt_could_hold_are_refused(arguments: str) -> None:
    with pytest.raises(ValidationError, match="must be a JSON object") as caught:
        chat(messages=[HELLO, called(arguments)])
    (error,) = caught.value.errors()
    assert error["loc"] == ("messages", 1, "tool_calls", 0, "function", "arguments")


@pytest.mark.parametrize("arguments", ["", "  ", "null", None, {}, "{}", "{ }"])
def test_no_arguments_are_written_in_many_ways(arguments: Any) -> None:
    asked = chat(messages=[HELLO, called(arguments)])
    assert as_message(asked.messages[1]).tool_calls[0].arguments == {}
    absent = {"role": "assistant", "tool_calls": [{"function": {"name": "f"}}]}
    assert as_message(chat(messages=[HELLO, absent]).messages[1]).tool_calls[0].arguments == {}


@pytest.mark.parametrize("name", ["reasoning", "reasoning_content"])
def test_reasoning_is_read(name: str) -> None:
    asked = chat(messages=[HELLO, {"role": "assistant", "content": "4", name: "2 + 2"}])
    message = as_message(asked.messages[1])
    assert (message.content, message.reasoning) == ("4", "2 + 2")
    with pytest.raises(ValidationError, match=f"only the assistant's messages have {name}"):
        chat(messages=[{**HELLO, name: "x"}])


def test_reasoning_under_both_names_is_one() -> None:
    both = {"role": "assistant", "content": "4", "reasoning": "2 + 2", "reasoning_content": "2 + 2"}
    assert as_message(chat(messages=[HELLO, both]).messages[1]).reasoning == "2 + 2"
    with pytest.raises(ValidationError, match="they differ"):
        chat(messages=[HELLO, {**both, "reasoning": "1 + 3"}])


def test_a_refusal_is_what_was_said() -> None:
    said = {"role": "assistant", "content": None, "refusal": "No."}
    assert as_message(chat(messages=[HELLO, said]).messages[1]).content == "No."
    with pytest.raises(ValidationError, match="not both"):
        chat(messages=[HELLO, {**said, "content": "Yes."}])


@pytest.mark.parametrize("depth", [300, 700, 900, 940, 955, 970, 985, 1100])
def test_deep_nests_are_the_clients_error_wherever_they_are(server: Any, depth: int) -> None:
    nest = '{"a": ' + "[" * depth + "]" * depth + "}"
    for place in (
        {"tools": [{"type": "function", "function": {"name": "f", "parameters": "NEST"}}]},
        {"messages": [HELLO, called("NEST")]},
        {"messages": [HELLO, {**HELLO, "content": "NEST"}]},
    ):
        body = json.dumps({"model": "tiny-model", "max_tokens": 1, "messages": [HELLO], **place})
        content = body.replace('"NEST"', nest)
        response = server.post(content=content, headers={"Content-Type": "application/json"})
        assert response.status_code == 400
        assert len(response.json()["error"]["message"]) < 300


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("x", "x"),
        ([], ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "output_text", "text": "a"}, {"type": "refusal", "refusal": "b"}], "ab"),
    ],
)
def test_content_is_one_text(content: Any, text: str) -> None:
    asked = chat(messages=[{"role": "developer", "content": content}])
    message = as_message(asked.messages[0])
    assert (message.role, message.content) == ("system", text)


@pytest.mark.parametrize(
    "content",
    [
        [{"type": "image_url", "image_url": {"url": "x"}}],
        ["text"],
        [{"text": 1}],
        {"text": "a"},
        3,
        [[]],
        [{"type": "x", "text": "a"}],
    ],
)
def test_what_is_no_text_is_refused(content: Any) -> None:
    with pytest.raises(ValidationError):
        chat(messages=[{"role": "user", "content": content}])


def test_only_the_assistant_calls() -> None:
    with pytest.raises(ValidationError, match="only the assistant's messages have tool_calls"):
        chat(messages=[{**called("{}"), "role": "user", "content": "x"}])


@pytest.mark.parametrize(
    ("prompt", "prompts"),
    [("a", ["a"]), ([1, 2], [[1, 2]]), (["a", "b"], ["a", "b"]), ([[1], [2, 3]], [[1], [2, 3]])],
)
def test_one_prompt_or_several(prompt: Any, prompts: list[Any]) -> None:
    asked = CompletionRequest.model_validate({"model": "m", "prompt": prompt})
    assert asked.prompts == prompts
    assert asked.longest == 16


def test_the_newer_name_of_a_limit_wins_and_stops_are_a_list() -> None:
    assert chat(max_tokens=5, max_completion_tokens=7).longest == 7
    assert chat(max_tokens=5).longest == 5
    assert chat().longest is None
    assert (chat(stop="a").stop, chat(stop=None).stop, chat(stop=["a", "b"]).stop) == (
        ["a"],
        [],
        ["a", "b"],
    )


def test_tools_are_offered_unless_none_may_be_called() -> None:
    tool = {"type": "function", "function": {"name": "f", "strict": True, "parameters": {"type": "object"}}}
    assert [as_tool(found).parameters for found in chat(tools=[tool]).open_tools] == [{"type": "object"}]
    assert chat(tools=[tool], tool_choice="none").open_tools == []
    with pytest.raises(ValidationError, match="tool_choice"):
        chat(tools=[tool], tool_choice="required")
