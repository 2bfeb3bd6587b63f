"""Answers in pieces: joined they are the answer that would have come whole, and half an answer is none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.endpoint import Answer, Server, bodies, completion, delta, reach_this_machine, servers, stream
from trajectune.agents.answers import read_answer
from trajectune.agents.channel import Answer as Said
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.agents.endpoint import EndpointAgent
from trajectune.environments.contract import Task
from trajectune.example import Message
from trajectune.trajectory import ToolCall

USAGE = {"choices": [], "usage": {"prompt_tokens": 12, "completion_tokens": 3}}
CONVERSATION = Conversation("c", [Message(role="user", content="Hi")], Task("t", "train"))
EVENTS = {"content-type": "text/event-stream; charset=utf-8"}


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_this_machine(monkeypatch)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with servers() as start:
        yield start


def ask(server: Server, **options: Any) -> AgentReply:
    agent = EndpointAgent(server.url, "tiny", first_pause=0.01, timeout=5.0, **options)
    reply = agent.reply([CONVERSATION])[0]
    agent.close()
    return reply


def function(index: int | None, name: str = "", arguments: str = "", number: str = "") -> dict[str, Any]:
    piece: dict[str, Any] = {"function": {"name": name, "arguments": arguments}}
    return piece | ({"index": index} if index is not None else {}) | ({"id": number} if number else {})


def test_a_streamed_reply_with_its_usage(serve: Callable[..., Server]) -> None:
    first = delta(role="assistant", content="")
    server = serve(stream(first, delta(content="Good "), delta(content="day."), delta("length"), USAGE))
    reply = ask(server, stream=True)
    assert (reply.text, reply.finish) == ("Good day.", "length")
    assert (reply.usage.prompt_tokens, reply.usage.generated_tokens, reply.usage.requests) == (12, 3, 1)
    assert bodies(server, "stream", "stream_options") == [(True, {"include_usage": True})]


def test_a_stream_that_was_not_asked_for_is_read_as_well(serve: Callable[..., Server]) -> None:
    server = serve(stream(delta(content="Hi."), delta("stop")))
    assert ask(server).text == "Hi."
    assert bodies(server, "stream", "stream_options") == [(None, None)]


def test_an_answer_that_comes_whole_although_a_stream_was_asked_for(serve: Callable[..., Server]) -> None:
    assert ask(serve(completion()), stream=True).text == "Hello."


@pytest.mark.parametrize("indexed", [True, False])
def test_pieces_of_calls_are_joined(serve: Callable[..., Server], indexed: bool) -> None:
    first, second = (0, 1) if indexed else (None, None)
    pieces = [
        delta(content="Both."),
        delta(tool_calls=[function(first, "sql", "", "a")]),
        delta(tool_calls=[function(first, "", '{"query": "SEL')]),
        delta(tool_calls=[function(first, "sql", 'ECT 1"}')]),
        delta(tool_calls=[function(second, "lo", "", "b")]),
        delta("tool_calls", tool_calls=[function(second, "ok", "{}")]),
    ]
    reply = ask(serve(stream(*pieces, USAGE)), stream=True)
    assert (reply.text, reply.finish) == ("Both.", "stop")
    assert list(reply.calls) == [
        ToolCall(name="sql", arguments={"query": "SELECT 1"}, id="a"),
        ToolCall(name="look", id="b"),
    ]


@pytest.mark.parametrize(
    "broken",
    [
        stream(delta(content="Good "), done=False),
        stream(delta(content="Good "), b"data: {half", done=False),
        stream(delta(content="Good "), {"error": {"message": "overloaded"}}),
        stream(delta(content=7), delta("stop")),
        stream(delta(tool_calls=[7])),
        stream(b": nothing but a comment", done=False),
    ],
)  # fmt: skip
def test_half_an_answer_is_asked_for_again(serve: Callable[..., Server], broken: Answer) -> None:
    server = serve(broken, stream(delta(content="Whole."), delta("stop")))
    reply = ask(server, stream=True)
    assert (reply.text, reply.usage.requests, len(server.requests)) == ("Whole.", 2, 2)


@pytest.mark.parametrize(
    "said", [b"This model only supports streaming.", b'{"error": "stream must be true"}']
)
def test_a_server_that_only_streams_is_asked_so_from_then_on(
    serve: Callable[..., Server], said: bytes
) -> None:
    server = serve((400, {}, said), stream(delta(content="Hi."), delta("stop")))
    agent = EndpointAgent(server.url, "tiny")
    for _ in range(2):
        assert agent.reply([CONVERSATION])[0].text == "Hi."
    agent.close()
    assert bodies(server, "stream") == [(None,), (True,), (True,)]


def test_a_server_that_does_not_know_stream_options_is_asked_without(serve: Callable[..., Server]) -> None:
    refused = (400, {}, b"unknown field stream_options")
    server = serve(refused, stream(delta(content="Hi."), delta("stop")))
    assert ask(server, stream=True).usage.tokens == 0
    assert bodies(server, "stream", "stream_options") == [(True, {"include_usage": True}), (True, None)]


def test_a_server_that_refuses_every_manner_is_left_after_a_few(serve: Callable[..., Server]) -> None:
    server = serve((400, {}, b"stream_options, max_tokens, max_completion_tokens: stream only"))
    assert ask(server).finish == "error"
    assert len(server.requests) <= 5


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(
    st.lists(TEXTS, max_size=6), st.lists(st.dictionaries(TEXTS, TEXTS, max_size=2), max_size=3), st.data()
)
def test_however_an_answer_is_cut_it_reads_as_it_would_whole(
    texts: list[str], arguments: list[dict[str, str]], data: st.DataObject
) -> None:
    calls = [
        {
            "id": f"id{n}",
            "type": "function",
            "function": {"name": f"tool{n}", "arguments": json.dumps(each)},
        }
        for n, each in enumerate(arguments)
    ]
    message = {"content": "".join(texts), "tool_calls": calls}
    whole = {"choices": [{"message": message, "finish_reason": "stop"}], **{"usage": USAGE["usage"]}}
    pieces = [delta(content=text) for text in texts]
    for n, call in enumerate(calls):
        said = call["function"]["arguments"]
        cut = data.draw(st.integers(0, len(said)))
        pieces.append(delta(tool_calls=[function(n, f"tool{n}", said[:cut], f"id{n}")]))
        pieces.append(delta(tool_calls=[function(n, "", said[cut:])]))
    content = stream(*pieces, delta("stop"), USAGE)[2]
    if data.draw(st.booleans()):
        content = content.replace(b"\n", b"\r\n")
    once = read_answer(Said(200, {}, json.dumps(whole).encode()), 1.0)
    assert read_answer(Said(200, EVENTS, content), 1.0) == once
