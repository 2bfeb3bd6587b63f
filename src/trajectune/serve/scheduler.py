"""One engine for all clients: a thread that owns it, and tickets on which clients wait.

The idea: the engine is for one thread, and the web server is another. A request of the API is a *ticket*
with one or more jobs; the thread feeds the engine as many jobs as run at once, advances them together and
tells each ticket's event loop what came out. Jobs that wait are kept here, so that a failing step takes
along only those that were running.

Invariants: only the thread touches the engine; every ticket ends, with replies or with an error; a ticket
that is cancelled costs at most the step in which it happens.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from trajectune.engine.engine import Engine
from trajectune.engine.requests import Generation, Request
from trajectune.errors import AgentError
from trajectune.serve.api.errors import ApiError, overloaded, stopping
from trajectune.serve.streaming import Deltas

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Delta:
    """More text of the ticket's reply number `index`."""

    index: int
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """The ticket's reply number `index` is finished."""

    index: int
    rest: str
    """Text that no delta has held."""
    generation: Generation
    first_seconds: float
    """From the request to the first token."""
    token_seconds: float
    """From one token to the next, on average; 0 for a single token."""


Event = Delta | Reply


class HungUpError(Exception):
    """The client of a ticket is gone."""


@dataclass(slots=True, eq=False)
class _Job:
    """One reply of a ticket."""

    ticket: Ticket
    index: int
    request: Request
    deltas: Deltas
    submitted: float
    first: float = 0.0

    def reply(self, generation: Generation) -> Reply:
        now = time.perf_counter()
        first = self.first or now
        between = max(len(generation.tokens) - 1, 1)
        rest = self.deltas.finish(generation.text)
        return Reply(self.index, rest, generation, first - self.submitted, (now - first) / between)


class Ticket:
    """The replies to one request of the API, in the making."""

    def __init__(self, scheduler: Scheduler, count: int) -> None:
        self.count = count
        """Replies that are wanted."""
        self._scheduler = scheduler
        self._unfinished = count
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Event | Exception] = asyncio.Queue()

    async def events(self) -> AsyncIterator[Event]:
        """Deltas and replies as they come. Raises ApiError, or HungUpError after `cancel`."""
        while self._unfinished:
            event = await self._queue.get()
            if isinstance(event, Exception):
                raise event
            self._unfinished -= isinstance(event, Reply)
            yield event

    def cancel(self) -> None:
        """Nobody waits for this any more. Harmless when it is finished."""
        self._scheduler.forget(self)
        self._queue.put_nowait(HungUpError())

    def tell(self, event: Event | Exception) -> None:
        """Called from any thread."""
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody listens any more
            self._loop.call_soon_threadsafe(self._queue.put_nowait, event)


class Scheduler:
    """Runs an engine in a thread of its own; at most `max_waiting` replies wait beside those that run."""

    def __init__(self, engine: Engine, *, max_waiting: int = 256) -> None:
        self.limit = engine.max_batch + max_waiting
        """Replies that may be unfinished at one time."""
        self._engine = engine
        self._changed = threading.Condition()  # guards all of the following
        self._waiting: deque[_Job] = deque()
        self._running: set[_Job] = set()
        self._gone: list[_Job] = []
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="trajectune-engine", daemon=True)

    @property
    def running(self) -> int:
        """Replies that are being generated."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """Replies that wait for a place in the batch."""
        return len(self._waiting)

    def start(self) -> None:
        self._thread.start()

    def close(self, seconds: float = 0.0) -> None:
        """Ends all tickets with an error, and waits so long for the thread. May be called again."""
        with self._changed:
            self._closed = True
            tickets = {job.ticket for job in (*self._waiting, *self._running)}
            self._waiting.clear()
            self._changed.notify()
        for ticket in tickets:
            ticket.tell(stopping())
        if self._thread.is_alive():
            self._thread.join(seconds)

    def check_room(self, count: int = 1) -> None:
        """Raises ApiError where `count` more replies would be too many."""
        if self._closed:
            raise stopping()
        if count > self.limit:
            raise ApiError(
                400, f"{count} replies are more than the {self.limit} that may be asked for at once"
            )
        if self.running + self.waiting + count > self.limit:
            raise overloaded()

    def submit(self, requests: Sequence[Request]) -> Ticket:
        """A ticket for one reply to each request. Raises ApiError: too many wait, or the server stops."""
        composition, now = self._engine.composition, time.perf_counter()
        own = composition.end_tokens
        ticket = Ticket(self, len(requests))
        jobs = [
            _Job(
                ticket,
                index,
                request,
                Deltas(
                    composition.tokenizer,
                    own if request.stop_tokens is None else request.stop_tokens,
                    request.stop_strings,
                    request.kept,
                ),
                now,
            )
            for index, request in enumerate(requests)
        ]
        with self._changed:
            self.check_room(len(jobs))
            self._waiting.extend(jobs)
            self._changed.notify()
        return ticket

    def forget(self, ticket: Ticket) -> None:
        """Drops what is unfinished of a ticket."""
        with self._changed:
            self._waiting = deque(job for job in self._waiting if job.ticket is not ticket)
            self._gone += [job for job in self._running if job.ticket is ticket]

    def _work(self) -> None:
        while self._feed():
            try:
                done = self._engine.step(self._hear)
            except Exception as error:  # whatever it is, those who wait must not suffer from it
                self._fail(error)
            else:
                self._finish(done)

    def _feed(self) -> bool:
        """Waits for work and hands it to the engine; False when it is time to end."""
        with self._changed:
            self._changed.wait_for(lambda: self._closed or self._waiting or self._running)
            for job in self._gone:
                self._engine.cancel(job)
                self._running.discard(job)
            self._gone = []
            while self._waiting and len(self._running) < self._engine.max_batch:
                job = self._waiting.popleft()
                self._running.add(job)
                self._engine.submit(job, job.request)
            return not self._closed

    def _hear(self, job: _Job, token: int) -> None:
        job.first = job.first or time.perf_counter()
        if text := job.deltas.push(token):
            job.ticket.tell(Delta(job.index, text))

    def _finish(self, done: dict[Any, Generation]) -> None:
        with self._changed:
            self._running -= done.keys()
        for job, generation in done.items():
            job.ticket.tell(job.reply(generation))

    def _fail(self, error: Exception) -> None:
        log.error("the engine failed; %d running replies are lost", len(self._running), exc_info=error)
        self._engine.stop()
        with self._changed:
            tickets = {job.ticket for job in self._running}
            self._running = set()
        words = error.what if isinstance(error, AgentError) else "an error of the server; its log says more"
        for ticket in tickets:
            ticket.tell(ApiError(503 if isinstance(error, AgentError) else 500, words))
