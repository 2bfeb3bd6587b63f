"""The thread that owns the engine: first come, first served; who leaves is gone; every ticket ends."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Hashable
from contextlib import asynccontextmanager
from typing import Any, cast

import pytest

from support.models import tiny_tokenizer
from trajectune.engine.engine import Engine, OnToken
from trajectune.engine.requests import Generation, Request
from trajectune.errors import AgentError
from trajectune.serve.api.errors import ApiError
from trajectune.serve.scheduler import Delta, HungUpError, Reply, Scheduler, Ticket


class Scripted:
    """An engine without a model: each step gives every running request a token, its last prompt token.

    A request is finished after `max_new_tokens` steps. A step waits for `allow`.
    """

    def __init__(self, max_batch: int) -> None:
        self.max_batch = max_batch
        self.composition = self
        self.lead = self
        self.tokenizer = tiny_tokenizer()
        self.end_tokens: tuple[int, ...] = ()
        self.jobs: dict[Hashable, list[int]] = {}
        self.requests: dict[Hashable, Request] = {}
        self.begun: list[int] = []
        self.most = 0
        self.fail: Exception | None = None
        self.threads: set[int] = set()
        self._steps = threading.Semaphore(0)

    def allow(self, steps: int) -> None:
        for _ in range(steps):
            self._steps.release()

    def submit(self, key: Hashable, request: Request) -> None:
        self.threads.add(threading.get_ident())
        self.jobs[key], self.requests[key] = [], request
        self.begun.append(request.seed)

    def cancel(self, key: Hashable) -> None:
        self.jobs.pop(key, None)

    def stop(self) -> None:
        self.jobs.clear()

    def step(self, on_token: OnToken) -> dict[Hashable, Generation]:
        self._steps.acquire()
        self.most = max(self.most, len(self.jobs))
        if self.fail is not None:
            error, self.fail = self.fail, None
            raise error
        done: dict[Hashable, Generation] = {}
        for key, tokens in list(self.jobs.items()):
            request = self.requests[key]
            tokens.append(request.tokens[-1])
            on_token(key, tokens[-1])
            if len(tokens) == request.max_new_tokens:
                text = str(self.tokenizer.decode(tokens))
                done[key] = Generation(tokens, text, "length", 1, 0)
                del self.jobs[key]
        return done


def request(number: int, steps: int = 1, letter: str = "a") -> Request:
    token = int(tiny_tokenizer()(letter, add_special_tokens=False)["input_ids"][0])
    return Request([token], max_new_tokens=steps, seed=number)


@asynccontextmanager
async def scheduling(max_batch: int = 2, max_waiting: int = 9) -> AsyncIterator[tuple[Scheduler, Scripted]]:
    engine = Scripted(max_batch)
    scheduler = Scheduler(cast("Engine", engine), max_waiting=max_waiting)
    scheduler.start()
    try:
        yield scheduler, engine
    finally:
        scheduler.close()
        engine.allow(100)
        scheduler.close(5)


async def collect(ticket: Ticket) -> list[Any]:
    return [event async for event in ticket.events()]


async def until(true: Callable[[], object]) -> None:
    """Waits for what another thread does."""
    for _ in range(500):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen in five seconds")


def run(test: Callable[[], Any]) -> None:
    asyncio.run(asyncio.wait_for(test(), 20))


def test_first_come_first_served_and_no_more_than_fit() -> None:
    async def test() -> None:
        async with scheduling(max_batch=2) as (scheduler, engine):
            tickets = [scheduler.submit([request(number, 2)]) for number in range(5)]
            engine.allow(50)
            await asyncio.gather(*map(collect, tickets))
            assert engine.begun == [0, 1, 2, 3, 4]
            assert engine.most == 2
            assert threading.get_ident() not in engine.threads
            assert len(engine.threads) == 1
            await until(lambda: scheduler.running + scheduler.waiting == 0)

    run(test)


def test_a_ticket_of_many_does_not_keep_others_out_for_longer_than_its_turn() -> None:
    async def test() -> None:
        async with scheduling(max_batch=2) as (scheduler, engine):
            many = scheduler.submit([request(number) for number in range(4)])
            one = scheduler.submit([request(9)])
            engine.allow(3)  # 0 and 1, then 2 and 3, then 9: two at a time
            await collect(one)
            replies = [event for event in await collect(many) if isinstance(event, Reply)]
            assert sorted(reply.index for reply in replies) == [0, 1, 2, 3]
            assert engine.begun == [0, 1, 2, 3, 9]

    run(test)


def test_the_deltas_and_the_rest_are_the_text() -> None:
    async def test() -> None:
        async with scheduling() as (scheduler, engine):
            ticket = scheduler.submit([request(0, 3, "a"), request(1, 2, "b")])
            engine.allow(50)
            said = {0: "", 1: ""}
            for event in await collect(ticket):
                said[event.index] += event.text if isinstance(event, Delta) else event.rest
            assert said == {0: "aaa", 1: "bb"}

    run(test)


def test_who_waits_and_leaves_never_runs() -> None:
    async def test() -> None:
        async with scheduling(max_batch=1) as (scheduler, engine):
            first, second, third = (scheduler.submit([request(number)]) for number in range(3))
            second.cancel()
            with pytest.raises(HungUpError):
                await collect(second)
            engine.allow(50)
            await asyncio.gather(collect(first), collect(third))
            assert engine.begun == [0, 2]

    run(test)


def test_who_runs_and_leaves_makes_room_after_the_step() -> None:
    async def test() -> None:
        async with scheduling(max_batch=1) as (scheduler, engine):
            endless = scheduler.submit([request(0, 1_000_000)])
            waiting = scheduler.submit([request(1)])
            await until(lambda: engine.begun == [0])
            endless.cancel()
            engine.allow(2)  # the one in which it happens, and the other's
            assert isinstance((await collect(waiting))[-1], Reply)
            assert not engine.jobs
            endless.cancel()  # again, to no harm

    run(test)


def test_a_step_that_fails_takes_along_only_those_that_run() -> None:
    async def test() -> None:
        async with scheduling(max_batch=1) as (scheduler, engine):
            lost, saved = scheduler.submit([request(0, 5)]), scheduler.submit([request(1)])
            engine.fail = AgentError("the decoder ran out of memory")
            engine.allow(50)
            with pytest.raises(ApiError, match="out of memory") as caught:
                await collect(lost)
            assert caught.value.status == 503
            assert isinstance((await collect(saved))[-1], Reply)

    run(test)


def test_the_words_of_an_unexpected_error_stay_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    async def test() -> None:
        async with scheduling() as (scheduler, engine):
            ticket = scheduler.submit([request(0)])
            engine.fail = ValueError("secret of the house")
            engine.allow(50)
            with pytest.raises(ApiError) as caught:
                await collect(ticket)
            assert caught.value.status == 500
            assert "secret" not in caught.value.message

    run(test)
    assert "secret of the house" in caplog.text


def test_the_limit_counts_those_that_run_and_those_that_wait() -> None:
    async def test() -> None:
        async with scheduling(max_batch=1, max_waiting=2) as (scheduler, engine):
            tickets = [scheduler.submit([request(0, 3)]), scheduler.submit([request(1), request(2)])]
            with pytest.raises(ApiError) as caught:
                scheduler.submit([request(3)])
            assert (caught.value.status, caught.value.headers) == (429, {"Retry-After": "1"})
            with pytest.raises(ApiError) as caught:
                scheduler.submit([request(number) for number in range(4)])
            assert caught.value.status == 400, "it would never fit, so coming again is no help"
            engine.allow(50)
            await asyncio.gather(*map(collect, tickets))
            await until(lambda: scheduler.running == 0)
            assert len(await collect(scheduler.submit([request(4)]))) >= 1

    run(test)


def test_closing_ends_every_ticket_and_takes_no_more() -> None:
    async def test() -> None:
        async with scheduling(max_batch=1) as (scheduler, _):
            tickets = [scheduler.submit([request(number, 9)]) for number in range(3)]
            scheduler.close()
            for ticket in tickets:
                with pytest.raises(ApiError, match="the server is stopping"):
                    await collect(ticket)
            with pytest.raises(ApiError) as caught:
                scheduler.submit([request(4)])
            assert caught.value.status == 503

    run(test)
