"""Clients on bare sockets: whatever they send, leave out or never read costs its limit and nothing else."""

from __future__ import annotations

import http.client
import json
import logging
import random
import socket
import statistics
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest

from serve.conftest import read_answer
from trajectune.serve import connection

CHAT = "POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
CHUNKED = f"{CHAT}Transfer-Encoding: chunked\r\n\r\n".encode()
HEALTH = b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"


def post(content: bytes, length: int | None = None, more: str = "") -> bytes:
    return f"{CHAT}Content-Length: {length or len(content)}\r\n{more}\r\n".encode() + content


def ask(**changes: Any) -> bytes:
    messages = [{"role": "user", "content": "Hello!"}]
    return json.dumps({"model": "tiny-model", "messages": messages, "max_tokens": 3, **changes}).encode()


def connect(running: Any, *pieces: bytes) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", running.port), timeout=10)
    for piece in pieces:
        client.sendall(piece)
    return client


def all_of(client: socket.socket) -> bytes:
    """What comes until the server hangs up."""
    found = b""
    try:
        while more := client.recv(1 << 16):
            found += more
    except ConnectionError:  # it hung up while we were sending
        pass
    return found


def go_on(client: socket.socket, piece: bytes) -> None:
    """Sends the piece again and again, for four seconds at most."""
    for _ in range(200):
        client.sendall(piece)
        time.sleep(0.02)


def refused(answer: bytes) -> tuple[int, str]:
    """Status and message of the only answer on a connection."""
    head, body = answer.split(b"\r\n\r\n", 1)
    return int(head.split()[1]), json.loads(body)["error"]["message"]


@pytest.fixture
def clean_log(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is logged in the test, not even by the loop or by uvicorn, which keeps its log to itself."""
    for name in ("uvicorn", "uvicorn.error", "asyncio"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
    caplog.set_level(logging.ERROR)
    yield
    logging.getLogger("uvicorn").propagate = True
    assert [record.getMessage() for record in caplog.records] == []


def test_an_answer_on_a_kept_connection_waits_for_nothing(server: Any) -> None:
    client = http.client.HTTPConnection("127.0.0.1", server.port)
    seconds = []
    for _ in range(20):
        started = time.perf_counter()
        client.request("GET", "/health")
        assert client.getresponse().read()
        seconds.append(time.perf_counter() - started)
    client.close()
    assert statistics.median(seconds) < 0.02  # 0.044 where the last packet waits for an ACK


class TestSlowClients:
    @pytest.mark.parametrize("sent", [b"", HEALTH[:9], HEALTH[:-2]])
    def test_an_unfinished_head_is_held_for_a_moment_only(
        self, serve: Any, monkeypatch: pytest.MonkeyPatch, sent: bytes
    ) -> None:
        monkeypatch.setattr(connection, "HEAD_SECONDS", 0.2)
        with connect(serve(), sent) as client:
            assert refused(all_of(client)) == (408, "the request took too long")

    def test_so_is_one_that_goes_on_byte_by_byte(self, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "HEAD_SECONDS", 0.3)
        running, started = serve(), time.monotonic()
        with connect(running, HEALTH) as client:
            assert b"200" in client.recv(1000)
            with pytest.raises(ConnectionError):
                go_on(client, b"G")  # of a second request
        assert time.monotonic() - started < 2

    @pytest.mark.parametrize("sent", [post(b"{", 500), CHUNKED, CHUNKED + b"5\r\nhello\r\n"])
    def test_an_unfinished_body_too(self, serve: Any, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
        monkeypatch.setattr(connection, "BODY_SECONDS", 0.2)
        with connect(serve(), sent) as client:
            assert refused(all_of(client))[0] == 408

    def test_what_follows_a_refused_body_is_not_read_for_ever(
        self, serve: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "LINGER_SECONDS", 0.3)
        running, chunk = serve(max_body=1000), b"400\r\n" + b"x" * 1024 + b"\r\n"
        with connect(running, CHUNKED, chunk * 3) as client:
            assert b" 413 " in read_answer(client)
            with pytest.raises(ConnectionError):
                go_on(client, chunk)

    def test_who_does_not_read_is_cut_off_and_his_reply_with_him(
        self, serve: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "STALL_SECONDS", 0.2)
        running = serve()
        running.listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 2048)
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.connect(("127.0.0.1", running.port))
        with client:
            client.sendall(post(ask(stream=True, max_tokens=450, n=4, temperature=1.5)))
            running.wait_for((0, 0), 30)
            time.sleep(0.3)
            client.settimeout(10)
            assert b"[DONE]" not in all_of(client)
        assert running.chat().choices

    def test_a_working_connection_may_take_its_time(
        self, serve: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("HEAD_SECONDS", "BODY_SECONDS", "LINGER_SECONDS"):
            monkeypatch.setattr(connection, name, 0.2)
        running = serve()
        with running.engine.held():
            client = connect(running, post(ask()))
            time.sleep(0.5)
        with client:
            assert read_answer(client).startswith(b"HTTP/1.1 200")
            time.sleep(0.4)  # between requests
            client.sendall(HEALTH)
            assert read_answer(client).startswith(b"HTTP/1.1 200")


class TestManyConnections:
    def test_who_keeps_us_waiting_makes_room(self, serve: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(connection, "MAX_CONNECTIONS", 4)
        running = serve()
        with running.engine.held():
            working = connect(running, post(ask()))
            running.wait_for((1, 0))
            held = [connect(running, HEALTH[:9]) for _ in range(20)]
            assert running.load() == (1, 0)  # a new client comes through
        assert read_answer(working).startswith(b"HTTP/1.1 200")
        assert [refused(all_of(client))[0] for client in held[:16]] == [408] * 16
        for client in (working, *held):
            client.close()

    def test_where_all_work_a_new_one_is_told_to_come_again(
        self, serve: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(connection, "MAX_CONNECTIONS", 2)
        running = serve()
        with running.engine.held():
            working = [connect(running, post(ask())) for _ in range(2)]
            time.sleep(0.2)
            with connect(running) as client:
                assert refused(all_of(client))[0] == 503
        for client in working:
            assert read_answer(client).startswith(b"HTTP/1.1 200")
            client.close()


@pytest.mark.usefixtures("clean_log")
class TestTheLogStaysClean:
    @pytest.mark.parametrize(
        ("sent", "status"),
        [
            (b"\x16\x03\x01 hello\r\n\r\n", 400),
            (b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n", 400),
            (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000, 400),
            (CHUNKED + b"zz\r\n", 400),
            (post(b"{}", -5), 400),
            (post(b"", 10**12), 413),
        ],
    )
    def test_what_is_no_http(self, server: Any, sent: bytes, status: int) -> None:
        with connect(server, sent) as client:
            answer = read_answer(client)
        assert int(answer.split()[1]) == status
        assert b'"error"' in answer

    @pytest.mark.parametrize("reset", [True, False])
    def test_a_broken_body_behind_an_answer(self, serve: Any, reset: bool) -> None:
        running = serve(max_body=1000)
        for path in (CHUNKED, CHUNKED.replace(b"chat/completions", b"nowhere")):
            client = connect(running, path, b"800\r\n" + b"x" * 2048 + b"\r\n")
            assert read_answer(client)
            client.sendall(b"zz\r\n")
            _leave(client, reset)
        assert running.load() == (0, 0)

    def test_stopping_while_bodies_are_on_their_way(self, serve: Any) -> None:
        running = serve()
        clients = [connect(running, sent) for sent in (post(b"{", 500), CHUNKED, HEALTH[:9], b"")]
        time.sleep(0.1)
        running.stop()
        assert [refused(all_of(client))[0] for client in clients] == [503] * 4

    def test_two_hundred_leave_in_the_middle_of_their_streams(self, serve: Any) -> None:
        running, asked = serve(max_batch=1), post(ask(stream=True, max_tokens=400))
        with running.engine.held():
            clients = [connect(running, asked) for _ in range(200)]
            running.wait_for((1, 199), 30)
        for number, client in enumerate(clients):
            _leave(client, reset=number % 2 == 0)
        running.wait_for((0, 0), 30)
        assert running.chat().choices

    def test_anything_at_all(self, serve: Any) -> None:
        running, drawn = serve(max_body=100_000), random.Random(0)
        chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
        pieces = [
            *(HEALTH, HEALTH[:20], HEALTH.replace(b"GET", b"HEAD"), HEALTH.replace(b"1.1", b"1.0")),
            *(
                post(ask()),
                post(ask(stream=True, max_tokens=300)),
                post(ask(), more="Connection: close\r\n"),
            ),
            *(post(b"{", 500), post(b"", 10**9), post(b"", 100, "Expect: 100-continue\r\n")),
            *(CHUNKED, chunk, chunk * 30, b"zz\r\n", b"0\r\n\r\n", b"\x00\xff\r\n\r\n", b"\r\n" * 100),
            b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
            *(b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n"),
        ]
        for _ in range(150):
            client = socket.create_connection(("127.0.0.1", running.port), timeout=0.02)
            try:
                for piece in drawn.choices(pieces, k=drawn.randint(1, 4)):
                    client.sendall(piece)
                if drawn.random() < 0.3:
                    client.shutdown(socket.SHUT_WR)
                if drawn.random() < 0.5:
                    client.recv(1 << 16)
            except OSError:
                pass
            _leave(client, reset=drawn.random() < 0.5)
        running.wait_for((0, 0), 20)
        assert running.chat().choices


def _leave(client: socket.socket, reset: bool) -> None:
    if reset:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_pipelined_requests_are_answered_in_order(server: Any) -> None:
    last = post(ask(), more="Connection: close\r\n")
    with connect(server, HEALTH * 20 + post(ask()) + last) as client:
        answers = all_of(client)
    assert answers.count(b"HTTP/1.1 200") == 22
    assert answers.count(b'"status":"ok"') == 20
    assert answers.rindex(b'"status":"ok"') < answers.index(b"chat.completion")
