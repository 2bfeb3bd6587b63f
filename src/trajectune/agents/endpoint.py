"""An agent behind any OpenAI-compatible chat endpoint.

The idea: one conversation is one request; `workers` threads of the rollout make them at the same time.
What may pass (429, 5xx, time-outs, a broken answer) is tried again with growing, jittered pauses, and
`Retry-After` is obeyed; what cannot pass is told to the user at once (a refused key, an unknown model).
All workers share what is known of the server (`availability`), how it wants to be asked (`manner`) and how
often it may be (`pace`).

Tools travel in the API's own fields, in both directions (`protocol`), whole or streamed (`answers`).

Invariants: one conversation that fails for good is an `AgentReply` with `finish="error"`; `Usage.requests`
counts every request that was made, whatever came of it.
"""

from __future__ import annotations

import logging
import random
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import httpx
from pydantic import JsonValue

from trajectune.agents.answers import UnreadableError, read_answer
from trajectune.agents.availability import Availability
from trajectune.agents.channel import Answer, Channel
from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.agents.http import retry_after
from trajectune.agents.manner import Manner
from trajectune.agents.pace import Pace, Turn
from trajectune.agents.protocol import check_fields, message_body, tool_body
from trajectune.errors import ModelError, RecipeError, TrajectuneError
from trajectune.trajectory import Usage

LONGEST_PAUSE = 60.0
"""Seconds; a longer `Retry-After` is cut to this."""

_PASSING = {408, 409, 425, 429}
# The protocol has one status, 400, for all bad requests; servers tell this one by its words alone.
_TOO_LONG = re.compile(
    r"context[_ ](?:length|window)|maximum (?:context|model|input) len|too (?:long|many tokens)", re.I
)
_log = logging.getLogger(__name__)


class _OtherMannerError(Exception):
    """The server wants to be asked in another manner, which is known now."""


class _PassingError(Exception):
    """A failure that may be over when the request is made again."""

    def __init__(self, what: str, pause: float | None = None) -> None:
        super().__init__(what)
        self.pause = pause
        """Seconds that the server asks to wait."""


class EndpointAgent(Agent):
    """A model served at `url`, such as `http://localhost:8000/v1`.

    `Endpoint("http://localhost:8000/v1", "my-model", workers=64)`.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str = "OPENAI_API_KEY",
        headers: Mapping[str, str] | None = None,
        header_variables: Mapping[str, str] | None = None,
        body: Mapping[str, JsonValue] | None = None,
        stream: bool = False,
        workers: int = 8,
        temperature: float = 0.0,
        max_new_tokens: int = 512,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        timeout: float = 120.0,
        tries: int = 6,
        first_pause: float = 1.0,
        on_notice: Callable[[str], None] = _log.warning,
    ) -> None:
        """`key_variable` names the environment variable with the key (unset: no key is sent).

        `headers` are sent with every request, and those of `header_variables` with the values of the
        environment variables that it names. `body` holds further fields of a request (`None` leaves one
        of ours out). `stream` asks for answers in pieces. `timeout` is in seconds, for a whole request;
        `tries` requests are made at most, with pauses that double from `first_pause` seconds. `on_notice`
        is told when the server stops answering, with what is tried again and until when, and when it
        answers again; any worker's thread may call it. Raises `RecipeError` for a URL, a header or a field
        that is none.
        """
        self.name = model
        self.workers = workers
        self._key_variable = key_variable
        self._fields = {"model": model, "temperature": temperature, **check_fields(body or {})}
        self._manner = Manner(max_new_tokens, stream)
        self._pace = Pace(requests_per_minute, tokens_per_minute)
        self._tries = tries
        self._first_pause = first_pause
        self._patience = threading.Event()
        self._closed = False
        self._channel = Channel(
            url,
            key_variable=key_variable,
            headers=headers or {},
            header_variables=header_variables or {},
            timeout=timeout,
        )
        self._server = Availability(self._channel.address, on_notice)

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        return [self._reply(conversation) for conversation in conversations]

    def give_up(self) -> None:
        ended, self._patience = self._patience, threading.Event()
        ended.set()

    def close(self) -> None:
        self._closed = True
        self.give_up()
        self._channel.close()

    def _reply(self, conversation: Conversation) -> AgentReply:
        patience = self._patience
        with self._server.request():
            return self._insist(conversation, patience)

    def _insist(self, conversation: Conversation, patience: threading.Event) -> AgentReply:
        """The reply; where the server gives none in all tries, the error. Raises what a user must mend.

        Waiting ends with `patience`: then what is known so far is the error.
        """
        made = tried = 0
        error = "nobody was asked"
        while tried < self._tries and (turn := self._turn(patience)) is not None:
            started = time.monotonic()
            made += 1
            try:
                reply = self._paced(conversation, turn)
            except _OtherMannerError:
                continue
            except _PassingError as failure:
                tried += 1
                error = f"{failure} (gave up after {tried} tries)"
                if not self._waits(failure, tried, started, patience):
                    break
            else:
                self._server.answered()
                return replace(reply, usage=reply.usage.model_copy(update={"requests": made}))
        return AgentReply("", finish="error", error=error, usage=Usage(requests=made))

    def _turn(self, patience: threading.Event) -> Turn | None:
        """Wait for a turn to make a request; `None` where there is none to make any more."""
        self._server.check()
        turn = self._pace.turn()
        over = patience.wait(turn.wait) if turn.wait else patience.is_set()
        if over or self._closed:
            self._pace.settle(turn, 0)
            return None
        return turn

    def _paced(self, conversation: Conversation, turn: Turn) -> AgentReply:
        """One request in its turn, and what it took."""
        tokens = 0
        try:
            reply = self._request(self._body(conversation))
            tokens = reply.usage.tokens
            return reply
        finally:
            self._pace.settle(turn, tokens)

    def _waits(self, failure: _PassingError, tried: int, started: float, patience: threading.Event) -> bool:
        """Wait until a failed request is to be made again; whether it still is."""
        pause = self._pause(tried - 1, failure.pause)
        if tried < self._tries:
            self._server.failed(str(failure), self._tries - tried, self._left(tried, pause, started))
        return tried < self._tries and not patience.wait(pause)

    def _body(self, conversation: Conversation) -> dict[str, Any]:
        body = {**self._manner.fields(), "messages": [message_body(m) for m in conversation.messages]}
        if conversation.tools:
            body["tools"] = [tool_body(tool) for tool in conversation.tools]
        if conversation.stop:
            body["stop"] = list(conversation.stop)
        if self._fields["temperature"]:
            body["seed"] = conversation.seed
        return {name: value for name, value in {**body, **self._fields}.items() if value is not None}

    def _request(self, body: dict[str, Any]) -> AgentReply:
        """One request. Raises `_PassingError`, or `TrajectuneError` for what the user must mend."""
        started = time.perf_counter()
        try:
            answer = self._channel.post(body)
            if answer.status == 200:
                return read_answer(answer, time.perf_counter() - started)
        except UnreadableError as error:
            raise _PassingError(self._channel.redact(str(error))) from None
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            what = f"no answer from the endpoint: {type(error).__name__}: {error}"
            raise _PassingError(self._channel.redact(what)) from None
        return self._refused(answer, body)

    def _refused(self, answer: Answer, body: dict[str, Any]) -> AgentReply:
        """What a status other than 200 means."""
        status = answer.status
        said = self._channel.redact(answer.content[:500].decode("utf-8", "replace"))
        if status in _PASSING or status >= 500:
            raise _PassingError(f"the endpoint answers {status}: {said}", retry_after(answer.headers))
        if status == 413 or (status == 400 and _TOO_LONG.search(said)):
            return AgentReply("", finish="context", error=said)
        if status in (401, 403):
            raise self._for_the_user(RecipeError, f"the endpoint refuses the key ({status})", said)
        if status == 404 or 300 <= status < 400:
            raise self._for_the_user(
                ModelError, f"the endpoint has no such address or model ({status})", said
            )
        if status in (400, 422) and self._manner.learns(body, said):
            raise _OtherMannerError
        return AgentReply("", finish="error", error=f"the endpoint answers {status}: {said}")

    def _for_the_user(self, kind: type[TrajectuneError], what: str, said: str) -> TrajectuneError:
        remedy = f"check the model {self.name!r} and the URL (most end with /v1)"
        if kind is RecipeError:
            remedy = f"put a valid key into the environment variable {self._key_variable}"
        return self._server.refuse(kind(f"{what}: {said}", where=self._channel.address, remedy=remedy))

    def _left(self, tried: int, pause: float, started: float) -> float:
        """Seconds for which the request is still made, if each try takes as long as this one."""
        took = time.monotonic() - started
        later = sum(
            min(LONGEST_PAUSE, self._first_pause * 2**n) * 1.25 for n in range(tried, self._tries - 1)
        )
        return pause + later + took * (self._tries - tried)

    def _pause(self, attempt: int, asked: float | None) -> float:
        """Seconds to wait: what the server asks, else doubling; jittered, so that workers spread out."""
        pause = self._first_pause * 2**attempt if asked is None else asked
        return min(LONGEST_PAUSE, pause) * random.uniform(1.0, 1.5)
