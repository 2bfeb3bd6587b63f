"""The API: one engine behind `/v1/chat/completions`, `/v1/completions` and `/v1/models`.

The idea: a handler reads (`bodies`), checks (`admission`), takes a ticket (`scheduler`) and writes what
comes out (`replies`). Bodies are parsed, rendered and tokenized beside the event loop, so that a long one
holds up nobody.

Invariant: a client that hangs up is noticed while it waits, and what runs for it is dropped.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from fastapi import FastAPI, Request, Response
from fastapi.responses import StreamingResponse
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request as EngineRequest
from trajectune.serve.admission import Admission, unknown_model
from trajectune.serve.api.bodies import Bodies, parse
from trajectune.serve.api.errors import answer_errors
from trajectune.serve.api.protocol import ChatRequest, CompletionRequest, GenerationRequest
from trajectune.serve.gate import Gate
from trajectune.serve.metrics import Metrics
from trajectune.serve.replies import ChatChoices, Choices, TextChoices, Writer
from trajectune.serve.scheduler import HungUpError, Scheduler, Ticket

MAX_BODY = 4 * 1024 * 1024
"""Bytes of the largest request."""

_LAST_STEP = 5.0  # seconds that the engine has for the step it is in when the app ends
_CLIENT_GONE = 499  # nobody reads it, but it is counted


def create_app(
    engine: Engine,
    *,
    name: str = "",
    max_waiting: int = 256,
    key: str = "",
    max_body: int = MAX_BODY,
    cors: Sequence[str] = (),
) -> FastAPI:
    """The server over `engine`, which is its own from now on.

    `name` is the model's name in the API, the composition's if empty; `max_waiting` replies wait at most
    beside those that run; with a `key`, clients must send it; pages of the origins in `cors` (`*`: all)
    may use it from a browser. `app.state.scheduler` runs with the app.
    """
    service = Service(engine, name or engine.composition.name, max_waiting)
    app = FastAPI(title="trajectune", docs_url=None, redoc_url=None, lifespan=service.lifespan)
    app.state.scheduler = service.scheduler
    app.add_middleware(Gate, key=key, max_body=max_body, metrics=service.metrics)
    if cors:  # outside of the gate: a browser asks for leave without a key, and reads refusals too
        app.add_middleware(CORSMiddleware, allow_origins=cors, allow_methods=["*"], allow_headers=["*"])
    answer_errors(app)
    app.post("/v1/chat/completions", response_model=None, openapi_extra=_schema(ChatRequest))(service.chat)
    app.post("/v1/completions", response_model=None, openapi_extra=_schema(CompletionRequest))(
        service.completions
    )
    app.get("/v1/models")(service.models)
    app.get("/v1/models/{name:path}")(service.model)
    app.get("/health")(service.health)
    app.get("/metrics", response_model=None)(service.measured)
    return app


class Admitted(NamedTuple):
    """A request that can be met."""

    asked: GenerationRequest
    requests: list[EngineRequest]
    """One for each reply."""
    choices: Choices
    """How replies are written."""


class Service:
    """The handlers and what they share."""

    def __init__(self, engine: Engine, name: str, max_waiting: int) -> None:
        self.scheduler = Scheduler(engine, max_waiting=max_waiting)
        self.metrics = Metrics(self.scheduler, engine.speculator.lengths)
        self._engine = engine
        self._bodies = Bodies()
        self._admission = Admission(engine, name)
        self._name = name
        self._created = int(time.time())
        self._watches: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def lifespan(self, app: FastAPI) -> AsyncIterator[None]:
        """The engine's thread lives as long as the app."""
        del app
        self.scheduler.start()
        try:
            yield
        finally:
            self._bodies.close()
            self.scheduler.close(_LAST_STEP)

    async def chat(self, http: Request) -> Response:
        """A reply to a conversation."""

        def admit(body: bytes) -> Admitted:
            asked = parse(body, ChatRequest)
            return Admitted(asked, self._admission.chat(asked), ChatChoices(self._admission.reader(asked)))

        return await self._answer(http, admit)

    async def completions(self, http: Request) -> Response:
        """What follows a text."""

        def admit(body: bytes) -> Admitted:
            asked = parse(body, CompletionRequest)
            return Admitted(asked, self._admission.completion(asked), TextChoices())

        return await self._answer(http, admit)

    async def models(self) -> dict[str, Any]:
        """The one model that is served."""
        return {"object": "list", "data": [await self.model(self._name)]}

    async def model(self, name: str) -> dict[str, Any]:
        """What is known of a model."""
        if name != self._name:
            raise unknown_model(name)
        composition = self._engine.composition
        weights = zip(composition.names, (term.weight for term in composition.terms), strict=True)
        return {
            "id": name,
            "object": "model",
            "created": self._created,
            "owned_by": "trajectune",
            "max_model_len": self._engine.max_context,
            "weights": dict(weights),
        }

    async def health(self) -> dict[str, Any]:
        """Whether the server lives, and how much it has to do."""
        return {"status": "ok", "running": self.scheduler.running, "waiting": self.scheduler.waiting}

    async def measured(self) -> Response:
        """For Prometheus."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    async def _answer(self, http: Request, admit: Callable[[bytes], Admitted]) -> Response:
        self.scheduler.check_room()  # before the work of reading the body
        try:
            async with self._bodies.received(http) as body:
                asked, requests, choices = await self._bodies.beside(body, lambda: admit(body))
        except ClientDisconnect:
            return Response(status_code=_CLIENT_GONE)
        ticket = self.scheduler.submit(requests)
        self._watch(http, ticket)
        writer = Writer(choices, self._name, asked.n or 1, self.metrics.finished)
        if asked.stream:
            events = writer.stream(ticket, asked.include_usage)
            return StreamingResponse(events, media_type="text/event-stream")
        try:
            answer = await writer.whole(ticket)
        except HungUpError:
            return Response(status_code=_CLIENT_GONE)
        return Response(answer.json_text(), media_type="application/json")

    def _watch(self, http: Request, ticket: Ticket) -> None:
        """Cancels the ticket when the client hangs up."""
        watch = asyncio.create_task(_cancel_when_gone(http, ticket))
        self._watches.add(watch)  # the loop itself holds tasks only weakly
        watch.add_done_callback(self._watches.discard)


async def _cancel_when_gone(http: Request, ticket: Ticket) -> None:
    """Waits until the client hangs up, or the answer is sent."""
    while (await http.receive())["type"] != "http.disconnect":
        pass
    ticket.cancel()


def _schema(record: type[GenerationRequest]) -> dict[str, Any]:
    """The body's schema for `/openapi.json`, since the framework does not read it."""
    path = "chat~1completions" if record is ChatRequest else "completions"
    place = f"#/paths/~1v1~1{path}/post/requestBody/content/application~1json/schema/$defs/{{model}}"
    schema = record.model_json_schema(ref_template=place)
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}
