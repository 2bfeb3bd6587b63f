"""What a user adds to requests is sent, what is secret is told to nobody, and waiting can be ended."""

from __future__ import annotations

import email.utils
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from support.endpoint import Server, bodies, completion, reach_this_machine, servers
from trajectune.agents.contract import AgentReply, Conversation
from trajectune.agents.endpoint import EndpointAgent
from trajectune.environments.contract import Task
from trajectune.errors import RecipeError
from trajectune.example import Message

CONVERSATION = Conversation("c", [Message(role="user", content="Hi")], Task("t", "train"), seed=5)
SECRET = "very-secret-header-value"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    reach_this_machine(monkeypatch)
    monkeypatch.setenv("MY_SECRET", SECRET)


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    with servers() as start:
        yield start


def ask(server: Server, **options: Any) -> AgentReply:
    agent = EndpointAgent(server.url, "tiny", **{"first_pause": 0.01, "timeout": 5.0, **options})
    reply = agent.reply([CONVERSATION])[0]
    agent.close()
    return reply


def test_further_fields_are_sent_and_null_leaves_one_out(serve: Callable[..., Server]) -> None:
    server = serve(completion())
    body = {"top_p": 0.9, "temperature": None, "max_tokens": None, "extra": {"think": False}}
    ask(server, body=body)
    assert bodies(server, "top_p", "extra", "seed") == [(0.9, {"think": False}, None)]
    assert not {"temperature", "max_tokens"} & server.requests[0].keys()


def test_headers_are_sent(serve: Callable[..., Server]) -> None:
    server = serve(completion())
    ask(server, headers={"X-Title": "mine"}, header_variables={"Authorization": "MY_SECRET"})
    sent = server.headers[0]
    assert (sent["x-title"], sent["authorization"]) == ("mine", SECRET)


def test_the_value_of_a_secret_header_is_told_to_nobody(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    told: list[str] = []
    secret = {"X-Api-Key": "MY_SECRET"}
    broken = serve((500, {}, f"your header {SECRET} is bad".encode()))
    reply = ask(broken, header_variables=secret, tries=2, on_notice=told.append)
    refused = serve((401, {}, SECRET.encode()))
    with pytest.raises(RecipeError) as raised:
        ask(refused, header_variables=secret)
    everything = " ".join([repr(reply), *told, str(raised.value), caplog.text])
    assert "your header [key] is bad" in everything
    assert SECRET not in everything


def test_a_variable_that_is_not_set_or_cannot_be_sent_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(RecipeError, match=r"variable UNSET is not set"):
        EndpointAgent("http://x/v1", "m", header_variables={"X-Key": "UNSET"})
    monkeypatch.setenv("ODD", "two\nlines")
    with pytest.raises(RecipeError, match=r"the value of the header 'X-Key' cannot be sent") as caught:
        EndpointAgent("http://x/v1", "m", header_variables={"X-Key": "ODD"})
    assert "two" not in str(caught.value)


def test_a_date_in_retry_after_is_waited_for(serve: Callable[..., Server]) -> None:
    soon = email.utils.formatdate(time.time() + 1.5, usegmt=True)  # cut to whole seconds
    server = serve((429, {"Retry-After": soon}, b""), completion())
    assert ask(server, first_pause=60.0).usage.requests == 2
    assert 0.4 <= server.times[1] - server.times[0] <= 4


@pytest.mark.parametrize("answer", [completion(), (500, {}, b"no"), (422, {}, b"no")])
def test_requests_that_failed_are_counted_too(serve: Callable[..., Server], answer: Any) -> None:
    server = serve((503, {}, b""), answer)
    assert ask(server, tries=3).usage.requests == len(server.requests)


def test_a_rate_is_kept_by_all_workers_together(serve: Callable[..., Server]) -> None:
    server = serve(completion())
    agent = EndpointAgent(server.url, "tiny", workers=4, requests_per_minute=60 * 20)
    threads = [threading.Thread(target=agent.reply, args=([CONVERSATION] * 3,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    agent.close()
    assert len(server.times) == 12
    assert server.times[-1] - server.times[0] >= 11 / 20 - 0.05


@pytest.mark.parametrize("waiting", ["its turn", "another try"])
def test_waiting_ends_when_nobody_waits_for_the_reply(serve: Callable[..., Server], waiting: str) -> None:
    """And the next reply is asked for as ever."""
    trouble = [(429, {"Retry-After": "30"}, b"")] if waiting == "another try" else []
    server = serve(*trouble, completion())
    rate = 2 if waiting == "its turn" else None
    agent = EndpointAgent(server.url, "tiny", requests_per_minute=rate)
    if waiting == "its turn":
        assert agent.reply([CONVERSATION])[0].text == "Hello."
    threading.Timer(0.2, agent.give_up).start()
    started = time.monotonic()
    reply = agent.reply([CONVERSATION])[0]
    assert (reply.finish, reply.usage.requests) == ("error", len(trouble))
    assert time.monotonic() - started < 5
    if waiting == "another try":
        assert agent.reply([CONVERSATION])[0].text == "Hello."
    agent.close()
