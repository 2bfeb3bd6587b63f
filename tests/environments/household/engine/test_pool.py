"""Processes are lent, given back and replaced; one that fails is ended and never lent again.

A short program takes the engine's place: it answers, dies, hangs or babbles when it is asked to.
"""

from __future__ import annotations

import gc
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from trajectune.environments.household.engine import pool as module
from trajectune.environments.household.engine.pool import MAX_IDLE, Pool, Worker
from trajectune.errors import EpisodeError

PROGRAM = """
import json, os, sys, time
from multiprocessing.connection import Connection
pipe = Connection(int(sys.argv[1]))
while True:
    try:
        request = json.loads(pipe.recv_bytes())
    except EOFError:
        break
    do = request["do"]
    if do == "die":
        os._exit(3)
    if do == "hang":
        time.sleep(60)
    if do == "babble":
        pipe.send_bytes(b"\\xff no json")
    elif do == "fail":
        pipe.send_bytes(b'{"error": "ValueError: a bad game"}')
    else:
        pipe.send_bytes(json.dumps({"heard": request, "pid": os.getpid()}).encode())
"""


@pytest.fixture(autouse=True)
def _program(monkeypatch: pytest.MonkeyPatch) -> None:
    real = subprocess.Popen

    def started(command: list[str], **options: Any) -> Any:
        assert command[0] == sys.executable
        return real([sys.executable, "-S", "-c", PROGRAM, command[-1]], **options)

    monkeypatch.setattr(module.subprocess, "Popen", started)
    monkeypatch.setattr(module, "require_extra", lambda: None)


@pytest.fixture
def worker() -> Iterator[Worker]:
    made = Worker()
    yield made
    made.end()


@pytest.fixture
def pool() -> Iterator[Pool]:
    made = Pool()
    yield made
    for idle in made._idle:
        idle.end()


def test_a_request_is_answered(worker: Worker) -> None:
    answer = worker.ask("step", command="look é")
    assert answer["heard"] == {"do": "step", "command": "look é"}
    assert answer["pid"] == worker._process.pid
    assert worker.usable


@pytest.mark.parametrize(
    ("do", "reason"),
    [
        ("die", "its process ended"),
        ("hang", "no answer within"),
        ("babble", "codec can't decode"),
        ("fail", "a bad game"),
    ],
)
def test_a_failing_process_is_an_error_of_the_infrastructure_and_ends(
    worker: Worker, monkeypatch: pytest.MonkeyPatch, do: str, reason: str
) -> None:
    worker.ask("step")
    monkeypatch.setattr(module, "TIMEOUT", 0.2)
    started = time.monotonic()
    with pytest.raises(EpisodeError, match="engine failed") as caught:
        worker.ask(do)
    assert time.monotonic() - started < 5
    assert reason in caught.value.what
    assert do in caught.value.where
    assert worker._process.poll() is not None
    assert not worker.usable
    with pytest.raises(EpisodeError):
        worker.ask("step")


def test_ending_twice_does_nothing(worker: Worker) -> None:
    worker.end()
    worker.end()
    assert worker._process.poll() is not None


def test_a_forgotten_worker_ends() -> None:
    forgotten = Worker()
    process = forgotten._process
    assert process.poll() is None
    del forgotten
    gc.collect()
    assert process.poll() is not None


def test_a_process_ends_when_its_pipe_closes(worker: Worker) -> None:
    worker._pipe.close()
    assert worker._process.wait(timeout=10) == 0


def test_a_rested_worker_is_lent_again(pool: Pool) -> None:
    first = pool.take()
    first.ask("load")
    pool.give(first)
    assert pool.take() is first
    second = pool.take()
    assert second is not first
    for worker in (first, second):
        pool.give(worker)


def test_two_episodes_never_share_a_process(pool: Pool) -> None:
    lent = [pool.take() for _ in range(3)]
    assert len({worker.ask("step")["pid"] for worker in lent}) == 3
    for worker in lent:
        pool.give(worker)


def test_a_worker_is_replaced_after_its_share_of_games(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GAMES_PER_WORKER", 2)
    worker = pool.take()
    worker.ask("load")
    worker.ask("step")
    pool.give(worker)
    assert pool.take() is worker
    worker.ask("load")
    pool.give(worker)
    assert worker._process.poll() is not None
    assert pool.take() is not worker


@pytest.mark.parametrize("do", ["die", "fail"])
def test_a_worker_that_failed_is_not_lent_again(pool: Pool, do: str) -> None:
    worker = pool.take()
    with pytest.raises(EpisodeError):
        worker.ask(do)
    pool.give(worker)
    other = pool.take()
    assert other is not worker
    assert other.ask("step")["pid"] != worker._process.pid
    pool.give(other)


def test_a_worker_that_died_while_it_waited_is_not_lent_again(pool: Pool) -> None:
    one, two = pool.take(), pool.take()
    pool.give(one)
    pool.give(two)
    two._process.kill()
    two._process.wait()
    assert pool.take() is one
    fresh = pool.take()
    assert fresh.ask("step")["pid"] not in (one._process.pid, two._process.pid)
    pool.give(fresh)
    pool.give(one)


def test_few_wait_unused(pool: Pool) -> None:
    lent = [pool.take() for _ in range(MAX_IDLE + 2)]
    for worker in lent:
        pool.give(worker)
    alive = [worker for worker in lent if worker._process.poll() is None]
    assert alive == lent[:MAX_IDLE]


def test_threads_get_workers_of_their_own(pool: Pool) -> None:
    barrier = threading.Barrier(4)

    def borrowed(number: int) -> tuple[int, int]:
        worker = pool.take()
        barrier.wait(timeout=20)
        heard = worker.ask("step", number=number)["heard"]["number"]
        pool.give(worker)
        return id(worker), heard

    with ThreadPoolExecutor(4) as threads:
        lent = list(threads.map(borrowed, range(4)))
    assert [heard for _, heard in lent] == [0, 1, 2, 3]
    assert len({worker for worker, _ in lent}) == 4
