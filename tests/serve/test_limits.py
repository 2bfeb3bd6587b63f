"""Bad input, full houses and clients that leave: the API's usual error, and no harm to anybody else."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import struct
import time
from typing import Any

import httpx
import openai
import pytest

from serve.conftest import read_answer
from trajectune.errors import AgentError

NAME = "tiny-model"
KEY = "sk-secret-0123456789"
WEATHER = {"name": "weather", "arguments": "{}"}
USER = [{"role": "user", "content": "Hello!"}]


def body(**changes: Any) -> dict[str, Any]:
    return {"model": NAME, "messages": USER, "max_tokens": 3, "temperature": 0, **changes}


def error_of(response: httpx.Response) -> dict[str, Any]:
    error = response.json()["error"]
    assert error.keys() == {"message", "type", "param", "code"}
    assert "Traceback" not in response.text
    return error


@pytest.mark.parametrize(
    ("changes", "param", "said"),
    [
        ({"messages": []}, "messages", "at least 1"),
        ({"messages": "Hello"}, "messages", "list"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages.0.role", "'user'"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, None, "surrogate"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]},
            "messages.0.content",
            "only text",
        ),
        (
            {"messages": [{"role": "user", "content": "x", "tool_calls": [{"function": WEATHER}]}]},
            "messages.0",
            "only the assistant",
        ),
        (
            {
                "messages": [
                    {"role": "assistant", "tool_calls": [{"function": {**WEATHER, "arguments": "{"}}]}
                ]
            },
            "messages.0.tool_calls.0.function.arguments",
            "JSON object",
        ),
        ({"model": "\ud800"}, None, "surrogate"),
        (
            {"messages": [{"role": "user", "content": "x" * 5000}]},
            "messages",
            "maximum context length is 512",
        ),
        ({"max_tokens": 600}, "messages", "maximum context length is 512"),
        ({"max_tokens": 0}, "max_tokens", "greater"),
        ({"max_tokens": 10**400}, "max_tokens", ""),
        ({"temperature": -1}, "temperature", "greater"),
        ({"top_p": 0}, "top_p", "greater"),
        ({"min_p": 2}, "min_p", "less"),
        ({"repetition_penalty": 0}, "repetition_penalty", "greater"),
        ({"seed": 1 << 64}, "seed", "less"),
        ({"n": 0}, "n", "greater"),
        ({"n": 1000}, "n", "less"),
        ({"stop": [""]}, "stop.0", "at least 1"),
        ({"stop": ["x"] * 17}, "stop", "at most 16"),
        ({"stop": ["x" * 300]}, "stop.0", "at most 256"),
        ({"weights": {"nobody": 1}}, "weights", "no term 'nobody'; choose among one, other"),
        ({"weights": {"one": 1e9}}, "weights.one", "less"),
        ({"weights": [1, 2]}, "weights", "dictionary"),
        ({"logprobs": True}, "logprobs", "logprobs is not supported"),
        ({"logit_bias": {"5": 1}}, "logit_bias", "logit_bias is not supported"),
        ({"frequency_penalty": 0.5}, "frequency_penalty", "frequency_penalty is not supported"),
        ({"presence_penalty": 0.5}, "presence_penalty", "presence_penalty is not supported"),
        (
            {"response_format": {"type": "json_object"}},
            "response_format",
            "response_format is not supported",
        ),
        ({"tools": [{"type": "function", "function": {}}]}, "tools.0.function.name", "required"),
        ({"tools": [], "tool_choice": "required"}, "tool_choice", "'auto' or 'none'"),
    ],
)
def test_a_request_that_cannot_be_met_is_refused(
    server: Any, changes: dict[str, Any], param: str | None, said: str
) -> None:
    content = json.dumps(body(**changes)).encode()
    response = server.post(content=content, headers={"Content-Type": "application/json"})
    error = error_of(response)
    assert response.status_code == 400
    assert (error["type"], error["param"]) == ("invalid_request_error", param)
    assert said in error["message"]


def test_too_long_has_the_code_that_clients_know(server: Any) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        server.chat("x " * 3000)
    assert caught.value.code == "context_length_exceeded"


def test_without_a_limit_a_reply_is_as_long_as_there_is_room(server: Any) -> None:
    answer = server.chat("x" * 440, max_tokens=None)
    assert answer.usage.total_tokens == 512
    assert answer.choices[0].finish_reason == "length"


def test_harmless_fields_are_ignored(server: Any) -> None:
    harmless = {
        "user": "me",
        "metadata": {"a": "b"},
        "store": False,
        "logprobs": False,
        "n": None,
        "what": None,
    }
    assert server.post(json=body(**harmless, frequency_penalty=0)).status_code == 200


@pytest.mark.parametrize(
    ("content", "kind", "said"),
    [
        (b"", "application/json", ""),
        (b"{", "application/json", "not JSON"),
        (b"\xff\xfe", "application/json", ""),
        (b"[" * 200_000, "application/json", ""),
        (b"[]", "application/json", ""),
        (b"null", "application/json", ""),
        (b'{"model": "tiny-model"}', "application/json", "messages: Field required"),
        (b'{"model": "tiny-model"}', "text/plain", "application/json"),
        (json.dumps(body()).replace("0", "NaN", 1).encode(), "application/json", ""),
    ],
)
def test_a_body_that_cannot_be_read_is_refused(server: Any, content: bytes, kind: str, said: str) -> None:
    response = server.post(content=content, headers={"Content-Type": kind})
    assert response.status_code == 400
    assert said in error_of(response)["message"]


@pytest.mark.parametrize(
    "changes",
    [
        {"prompt": ""},
        {"prompt": []},
        {"prompt": [[]]},
        {"prompt": [-1]},
        {"prompt": [100_000]},
        {"prompt": [1.5]},
        {"prompt": [1, "a"]},
        {"prompt": ["a"] * 129},
        {"prompt": "a", "echo": True},
        {"prompt": "a", "best_of": 3},
        {"prompt": "a", "logprobs": 1},
        {},
    ],
)
def test_prompts_that_cannot_be_read_are_refused(server: Any, changes: dict[str, Any]) -> None:
    response = server.post("/v1/completions", json={"model": NAME, **changes})
    assert response.status_code == 400
    assert error_of(response)["message"]


def test_unknown_models_and_addresses(server: Any) -> None:
    with pytest.raises(openai.NotFoundError) as caught:
        server.chat(model="gpt-9")
    assert caught.value.code == "model_not_found"
    assert [model.id for model in server.client.models.list()] == [NAME]
    assert error_of(httpx.get(f"{server.root}/v1/models/org/no"))["code"] == "model_not_found"
    assert error_of(httpx.get(f"{server.root}/v2"))["type"] == "not_found_error"
    wrong = httpx.get(f"{server.root}/v1/chat/completions")
    assert (wrong.status_code, error_of(wrong)["type"]) == (405, "invalid_request_error")


class TestTheDoor:
    def test_only_who_has_the_key_comes_in(self, serve: Any, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        running = serve(key=KEY)
        assert running.chat().choices[0].message.content
        for wrong in ({}, {"Authorization": "Bearer nö"}, {"Authorization": f"Basic {KEY}"}):
            headers = {name.encode(): value.encode() for name, value in wrong.items()}
            for path in ("/v1/models", "/v1/chat/completions", "/openapi.json", "/v1/models/../x"):
                response = httpx.get(running.root + path, headers=headers)
                assert response.status_code == 401
                assert error_of(response)["code"] == "invalid_api_key"
                assert KEY not in response.text
        assert httpx.get(f"{running.root}/health").status_code == 200
        assert KEY not in httpx.get(f"{running.root}/metrics").text
        assert KEY not in caplog.text

    def test_large_bodies_are_refused(self, serve: Any) -> None:
        running = serve(max_body=1000)
        large = json.dumps(body(user="x" * 2000)).encode()
        chunks = [large[i : i + 100] for i in range(0, len(large), 100)]
        for content in (large, iter(chunks)):
            response = running.post(content=content, headers={"Content-Type": "application/json"})
            assert response.status_code == 413
            assert "1,000 bytes" in error_of(response)["message"]
        assert running.post(json=body()).status_code == 200


class TestManyAtOnce:
    def test_two_hundred_clients_get_what_each_would_get_alone(self, serve: Any) -> None:
        running = serve(max_batch=16)
        alone = {n: running.chat(f"Number {n}").choices[0].message.content for n in range(10)}

        async def all_of_them() -> list[Any]:
            options = {"base_url": f"{running.root}/v1", "api_key": "none", "max_retries": 0, "timeout": 60}
            async with openai.AsyncOpenAI(**options) as client:
                asked = [
                    client.chat.completions.create(
                        model=NAME,
                        messages=[{"role": "user", "content": f"Number {n % 10}"}],
                        max_tokens=12,
                        temperature=0,
                    )
                    for n in range(200)
                ]
                return await asyncio.gather(*asked)

        answers = asyncio.run(all_of_them())
        assert [a.choices[0].message.content for a in answers] == [alone[n % 10] for n in range(200)]
        assert running.load() == (0, 0)

    def test_more_than_may_wait_are_told_to_come_again(self, serve: Any) -> None:
        running = serve(max_batch=1, max_waiting=1)
        with running.engine.held(), _open_stream(running), _open_stream(running):
            running.wait_for((1, 1))
            refused = running.post(json=body())
            assert refused.status_code == 429
            assert error_of(refused)["type"] == "rate_limit_error"
            assert refused.headers["retry-after"] == "1"
        running.wait_for((0, 0))
        assert running.post(json=body()).status_code == 200

    def test_more_replies_than_places_are_refused_at_once(self, serve: Any) -> None:
        running = serve(max_batch=1, max_waiting=1)
        assert running.post(json=body(n=2)).status_code == 200
        assert running.post(json=body(n=3)).status_code == 400


def _open_stream(running: Any) -> Any:
    """A request for a stream, of which nothing has been read."""
    return httpx.stream("POST", f"{running.root}/v1/chat/completions", json=body(stream=True), timeout=20)


class TestHangingUp:
    @pytest.mark.parametrize("stream", [True, False])
    @pytest.mark.parametrize("reset", [True, False])
    def test_who_leaves_is_dropped_and_the_others_go_on(
        self, serve: Any, stream: bool, reset: bool
    ) -> None:
        running = serve(max_batch=1)
        expected = running.chat().choices[0].message.content
        with running.engine.held():
            leaving = [_send(running, body(stream=stream, max_tokens=450)) for _ in range(3)]
            running.wait_for((1, 2))
            for client in leaving:
                if reset:
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                client.close()
            running.wait_for((1, 0))  # the one that runs is dropped when its step is over
        running.wait_for((0, 0))
        assert running.chat().choices[0].message.content == expected
        told = httpx.get(f"{running.root}/metrics").text
        assert 'trajectune_tokens_total{kind="generated"} 24.0' in told

    def test_leaving_in_the_middle_of_a_body(self, server: Any) -> None:
        with socket.create_connection(("127.0.0.1", server.port)) as client:
            client.sendall(_head(500) + b'{"model":')
        assert server.chat().choices

    def test_what_is_no_http_is_answered_and_harms_nobody(self, server: Any) -> None:
        with socket.create_connection(("127.0.0.1", server.port), timeout=10) as client:
            client.sendall(b"\x16\x03\x01 hello\r\n\r\n")
            assert b"400" in client.recv(1000)
        assert server.chat().choices


def _head(length: int) -> bytes:
    return (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        f"Content-Length: {length}\r\n\r\n"
    ).encode()


def _send(running: Any, data: dict[str, Any]) -> socket.socket:
    content = json.dumps(data).encode()
    client = socket.create_connection(("127.0.0.1", running.port), timeout=10)
    client.sendall(_head(len(content)) + content)
    return client


class TestAFailingEngine:
    @pytest.mark.parametrize(
        ("failure", "status", "said"),
        [
            (AgentError("the decoder ran out of memory", where="/secret"), 503, "out of memory"),
            (RuntimeError("/secret"), 500, "error of the server"),
        ],
    )
    def test_only_those_who_run_suffer(
        self, serve: Any, failure: Exception, status: int, said: str
    ) -> None:
        running = serve(max_batch=1)
        expected = running.chat().choices[0].message.content
        with running.engine.held():
            first = _send(running, body(max_tokens=12))
            running.wait_for((1, 0))
            second = _send(running, body(max_tokens=12))
            running.wait_for((1, 1))
            running.engine.fail = failure
        answer = read_answer(first)
        assert f" {status} ".encode() in answer
        assert said.encode() in answer
        assert b"secret" not in answer
        assert (
            json.loads(read_answer(second).split(b"\r\n\r\n", 1)[1])["choices"][0]["message"]["content"]
            == expected
        )

    def test_a_stream_tells_of_it(self, serve: Any) -> None:
        running = serve()
        with running.engine.held():
            stream = running.chat(stream=True)
            running.wait_for((1, 0))
            running.engine.fail = AgentError("the decoder ran out of memory")
        with pytest.raises(openai.APIError, match="out of memory"):
            list(stream)


def test_stopping_ends_all_requests_at_once(serve: Any) -> None:
    running = serve(max_batch=1)
    with running.engine.held():
        streams = [running.chat(stream=True, max_tokens=450) for _ in range(2)]
        running.wait_for((1, 1))
        started = time.monotonic()
        running.stop()
        for stream in streams:
            with pytest.raises(openai.APIError, match="the server is stopping"):
                list(stream)
        assert time.monotonic() - started < 3
