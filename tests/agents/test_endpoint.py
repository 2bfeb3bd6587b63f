"""The endpoint agent against a real server that misbehaves in every way it can think of."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest

from support.endpoint import Answer, Server, completion, reach_this_machine, servers
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.agents.endpoint import EndpointAgent
from trajectune.dialects.contract import Reading
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Task
from trajectune.errors import ModelError, RecipeError
from trajectune.example import Message
from trajectune.trajectory import Fault, Reply, Tool, ToolCall

KEY = "sk-very-secret-0123456789"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_this_machine(monkeypatch)
    monkeypatch.setenv("TEST_KEY", KEY)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with servers() as start:
        yield start


HI = [Message(role="user", content="Hi ü")]


def ask(
    url: str,
    talk: Sequence[Message] = HI,
    *,
    tools: Sequence[Tool] = (),
    seed: int = 0,
    stop: tuple[str, ...] = (),
    **options: Any,
) -> AgentReply:
    options = {"key_variable": "TEST_KEY", "first_pause": 0.01, "timeout": 5.0, **options}
    agent = EndpointAgent(url, "tiny", **options)
    conversation = Conversation("c", talk, Task("t", "train"), tools=tools, seed=seed, stop=stop)
    reply = agent.reply([conversation])[0]
    agent.close()
    assert KEY not in repr(reply)
    return reply


def test_a_request_and_its_reply(serve: Callable[..., Server]) -> None:
    server = serve(completion())
    reply = ask(server.url, stop=("\nObservation:",))
    assert (reply.text, reply.finish) == ("Hello.", "stop")
    assert (reply.usage.prompt_tokens, reply.usage.generated_tokens) == (12, 3)
    assert 0 < reply.usage.seconds < 5
    assert server.requests == [
        {
            "path": "/v1/chat/completions", "model": "tiny", "temperature": 0.0, "max_tokens": 512,
            "messages": [{"role": "user", "content": "Hi ü"}], "stop": ["\nObservation:"],
        }
    ]  # fmt: skip
    assert server.headers[0]["authorization"] == f"Bearer {KEY}"


def test_sampling_is_seeded_and_no_key_is_no_header(serve: Callable[..., Server]) -> None:
    server = serve(completion())
    ask(server.url + "/chat/completions", temperature=0.7, seed=5, key_variable="UNSET_KEY")
    assert server.requests[0]["seed"] == 5
    assert server.requests[0]["path"] == "/v1/chat/completions"
    assert "authorization" not in server.headers[0]


@pytest.mark.parametrize(
    "trouble",
    [
        (429, {}, b"slow down"),
        (500, {}, b"oops"),
        (503, {}, b""),
        (200, {}, b"{ not json"),
        (200, {}, b'{"choices": []}'),
        (200, {}, b'[1]'),
        (200, {}, b'{"choices": [{"message": {"content": 7}}]}'),
        (200, {}, b'{"choices": [{"message": {"content": "", "tool_calls": 7}}]}'),
    ],
)  # fmt: skip
def test_passing_trouble_is_tried_again(serve: Callable[..., Server], trouble: Answer) -> None:
    server = serve(trouble, trouble, completion())
    assert ask(server.url).text == "Hello."
    assert len(server.requests) == 3


def test_lasting_trouble_is_an_error_without_the_key(serve: Callable[..., Server]) -> None:
    server = serve((500, {}, f"cannot use {KEY}".encode()))
    reply = ask(server.url, tries=3)
    assert (reply.finish, reply.text) == ("error", "")
    assert "500: cannot use [key] (gave up after 3 tries)" in reply.error
    assert len(server.requests) == 3


def test_retry_after_is_obeyed(serve: Callable[..., Server]) -> None:
    server = serve((429, {"Retry-After": "0.3"}, b""), completion())
    ask(server.url)
    assert server.times[1] - server.times[0] >= 0.3


def test_a_date_in_retry_after_that_is_past_means_now(serve: Callable[..., Server]) -> None:
    server = serve((429, {"Retry-After": "Wed, 21 Oct 2015 07:28:00 GMT"}, b""), completion())
    assert ask(server.url, first_pause=60.0).text == "Hello."


def test_a_hanging_server_is_left(serve: Callable[..., Server]) -> None:
    def hang() -> Answer:
        time.sleep(0.6)
        return completion("too late")

    server = serve(hang, completion("in time"))
    assert ask(server.url, timeout=0.2).text == "in time"


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reply = ask(f"http://127.0.0.1:{port}/v1", tries=2)
    assert reply.finish == "error"
    assert "ConnectError" in reply.error


@pytest.mark.parametrize(
    "said",
    [
        b'{"error": {"code": "context_length_exceeded"}}',
        b"This model's maximum context length is 4096 tokens",
        b"prompt is too long",
    ],
)
def test_a_conversation_that_does_not_fit(serve: Callable[..., Server], said: bytes) -> None:
    server = serve((400, {}, said))
    assert ask(server.url).finish == "context"
    assert len(server.requests) == 1


def test_another_bad_request_is_an_error_at_once(serve: Callable[..., Server]) -> None:
    server = serve((422, {}, b"stop must be shorter"))
    reply = ask(server.url)
    assert reply.finish == "error"
    assert "422: stop must be shorter" in reply.error
    assert len(server.requests) == 1


def test_what_only_a_user_can_mend_is_raised(serve: Callable[..., Server]) -> None:
    with pytest.raises(RecipeError, match="environment variable TEST_KEY") as refused:
        ask(serve((401, {}, f"bad key {KEY}".encode())).url)
    assert KEY not in str(refused.value)
    with pytest.raises(ModelError, match="check the model 'tiny'"):
        ask(serve((404, {}, b"no model")).url)
    with pytest.raises(RecipeError, match="write it like"):
        EndpointAgent("localhost:8000", "tiny")


def test_odd_but_valid_answers(serve: Callable[..., Server]) -> None:
    assert ask(serve(completion(None)).url).text == ""
    assert ask(serve(completion("cut of", "length")).url).finish == "length"
    assert ask(serve(completion("half \ud800 pair")).url).text == "half \ufffd pair"
    missing = b'{"choices": [{"message": {"content": "x"}}], "usage": null}'
    assert ask(serve((200, {}, missing)).url).usage.prompt_tokens == 0


def test_a_closed_agent_does_not_wait(serve: Callable[..., Server]) -> None:
    server = serve((429, {"Retry-After": "30"}, b""))
    agent = EndpointAgent(server.url, "tiny", first_pause=30.0)
    threading.Timer(0.2, agent.close).start()
    talk = [Message(role="user", content="Hi")]
    start = time.monotonic()
    assert agent.reply([Conversation("c", talk, Task("t", "train"))])[0].finish == "error"
    assert time.monotonic() - start < 5


SQL = Tool(name="sql", description="Run.", parameters={"type": "object", "properties": {"query": {}}})
NATIVE = get_dialect("native", "database")


def calling(*calls: Any, content: str | None = None) -> Answer:
    """A completion whose message holds these tool calls."""
    message = {"role": "assistant", "content": content, "tool_calls": list(calls)}
    body = {"choices": [{"message": message, "finish_reason": "tool_calls"}]}
    return 200, {}, json.dumps(body).encode()


def function(name: Any, arguments: Any, number: Any = "call_1") -> dict[str, Any]:
    return {"id": number, "type": "function", "function": {"name": name, "arguments": arguments}}


def test_tools_calls_and_answers_are_sent_in_the_apis_own_fields(
    serve: Callable[..., Server],
) -> None:
    server = serve(completion())
    call = ToolCall(name="sql", arguments={"query": "SELECT 'ü'"}, id="call_1")
    talk = [
        *HI,
        Message(role="assistant", content="I count.", tool_calls=[call]),
        Message(role="tool", content="[(1,)]", tool_call_id="call_1", name="sql"),
    ]
    ask(server.url, talk, tools=[SQL, Tool(name="look")])
    (request,) = server.requests
    assert request["messages"][1:] == [
        {
            "role": "assistant",
            "content": "I count.",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "sql", "arguments": '{"query": "SELECT \'ü\'"}'},
                }
            ],
        },
        {"role": "tool", "content": "[(1,)]", "tool_call_id": "call_1"},
    ]
    empty = {"type": "object", "properties": {}}
    assert [tool["function"] for tool in request["tools"]] == [
        {"name": "sql", "description": "Run.", "parameters": SQL.parameters},
        {"name": "look", "description": "", "parameters": empty},
    ]
    assert {tool["type"] for tool in request["tools"]} == {"function"}


def test_calls_are_read_with_their_ids(serve: Callable[..., Server]) -> None:
    first = function("sql", '{"query": "SELECT 1"}', "a")
    reply = ask(serve(calling(first, function("look", "", "b"), content="Both.")).url, tools=[SQL])
    assert (reply.text, reply.finish) == ("Both.", "stop")
    assert list(reply.calls) == [
        ToolCall(name="sql", arguments={"query": "SELECT 1"}, id="a"),
        ToolCall(name="look", id="b"),
    ]
    assert reply.reply == Reply(text="Both.", calls=list(reply.calls))


def test_odd_but_valid_calls(serve: Callable[..., Server]) -> None:
    as_object = ask(serve(calling(function("sql", {"query": "x"}, None))).url)
    assert list(as_object.calls) == [ToolCall(name="sql", arguments={"query": "x"})]
    half = ask(serve(calling(function("sql", '{"query": "\\ud800"}'))).url)
    assert half.calls[0].arguments == {"query": "\ufffd"}
    none = json.dumps({"choices": [{"message": {"content": "x", "tool_calls": None}}]}).encode()
    assert ask(serve((200, {}, none)).url).text == "x"


@pytest.mark.parametrize(
    "broken",
    [
        function("sql", '{"query": '),
        function("sql", "[1]"),
        function("sql", '{"query": NaN}'),
        function("sql", '{"a":' * 100 + "1" + "}" * 100),
        function("", "{}"),
        function(None, "{}"),
        function("sql", 7),
        function("sql", "{}", 7),
        {"id": "x"},
        "sql",
        None,
    ],
    ids=lambda call: json.dumps(call)[:40],
)
def test_a_broken_call_is_bad_format_in_the_dialect_and_never_an_error(
    serve: Callable[..., Server], broken: Any
) -> None:
    server = serve(calling(function("look", "{}"), broken, content="Hm."))
    reply = ask(server.url, tools=[SQL])
    assert len(server.requests) == 1, "what a model writes is no trouble of the endpoint's"
    assert (reply.finish, list(reply.calls)) == ("stop", [])
    assert reply.text.startswith('Hm.\n<tool_call>{"name": "look", "arguments": "{}"}</tool_call>\n')
    reading = NATIVE.read([reply.reply])
    assert isinstance(reading, Reading)
    assert (reading.fault, reading.message) == (Fault.BAD_FORMAT, None)


def ask_many(url: str, count: int, **options: Any) -> tuple[list[AgentReply], list[BaseException]]:
    """`count` workers that ask at the same time: their replies, and what was raised."""
    agent = EndpointAgent(url, "tiny", workers=count, first_pause=0.01, **options)
    replies: list[AgentReply] = []
    raised: list[BaseException] = []

    def work() -> None:
        try:
            replies.extend(agent.reply([Conversation("c", HI, Task("t", "train"))]))
        except ModelError as error:
            raised.append(error)
        except RecipeError as error:
            raised.append(error)

    threads = [threading.Thread(target=work) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    agent.close()
    return replies, raised


def test_those_who_waited_for_the_first_answer_go_together(serve: Callable[..., Server]) -> None:
    """Wrong before: each of them held up the next, so that the first request of 64 workers took minutes."""

    def slow() -> Answer:
        time.sleep(0.2)
        return completion()

    server = serve(slow)
    replies, _ = ask_many(server.url, 16)
    assert len(replies) == 16
    assert server.times[1] - server.times[0] >= 0.2, "the first goes alone"
    assert server.times[-1] - server.times[0] < 1.5


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_one_worker_is_refused_no_other_asks_for(serve: Callable[..., Server], status: int) -> None:
    server = serve((status, {}, b"no"))
    replies, raised = ask_many(server.url, 64)
    assert (len(server.requests), len(replies), len(raised)) == (1, 0, 64)


def test_a_key_that_is_refused_later_stops_the_tries_of_others(serve: Callable[..., Server]) -> None:
    server = serve(completion(), (401, {}, b"expired"))
    agent = EndpointAgent(server.url, "tiny")
    talk = [Conversation("c", HI, Task("t", "train"))]
    assert agent.reply(talk)[0].text == "Hello."
    for _ in range(3):
        with pytest.raises(RecipeError, match="expired"):
            agent.reply(talk)
    assert len(server.requests) == 2


def test_a_server_that_is_down_is_told_once_with_what_is_tried_and_until_when(
    serve: Callable[..., Server],
) -> None:
    told: list[str] = []
    server = serve((503, {}, b"loading"), (503, {}, b"loading"), completion())
    replies, _ = ask_many(server.url, 8, on_notice=told.append)
    assert len(replies) == 8
    assert len(told) == 2
    assert "answers 503: loading; tried up to 5 times more, until about " in told[0]
    assert told[0].startswith(f"{server.url}/chat/completions: the endpoint")
    assert "answers again, after" in told[1]


def test_without_anybody_to_tell_an_outage_is_in_the_log(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    ask(serve((503, {}, KEY.encode()), completion()).url)
    assert "answers 503: [key]; tried" in caplog.text


UNKNOWN = b"Unsupported parameter: 'max_tokens' is not supported with this model."


@pytest.mark.parametrize("status", [400, 422])
def test_a_limit_whose_name_is_refused_goes_by_its_other_name_from_then_on(
    serve: Callable[..., Server], status: int
) -> None:
    server = serve((status, {}, UNKNOWN), completion())
    agent = EndpointAgent(server.url, "tiny", max_new_tokens=7)
    for _ in range(2):
        assert agent.reply([Conversation("c", HI, Task("t", "train"))])[0].text == "Hello."
    sent = [(body.get("max_tokens"), body.get("max_completion_tokens")) for body in server.requests]
    assert sent == [(7, None), (None, 7), (None, 7)]


def test_a_limit_whose_names_are_both_refused_is_an_error(serve: Callable[..., Server]) -> None:
    server = serve((400, {}, UNKNOWN), (400, {}, b"unknown field max_completion_tokens"))
    assert "unknown field" in ask(server.url).error
    assert len(server.requests) == 2


def test_a_number_that_is_refused_is_not_sent_under_another_name(serve: Callable[..., Server]) -> None:
    server = serve((400, {}, b"max_tokens must be at most 256"), completion())
    assert "at most 256" in ask(server.url).error
    assert len(server.requests) == 1
