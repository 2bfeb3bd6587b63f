"""An agent behind any OpenAI-compatible chat endpoint.

The idea: one conversation is one request; `workers` threads of the rollout make them at the same time.
What may pass (429, 5xx, time-outs, a broken answer) is tried again with growing, jittered pauses, and
`Retry-After` is obeyed; what cannot pass is told to the user at once (a refused key, an unknown model). All
workers share what is known of the server (`trajectune.agents.availability`).

Tools travel in the API's own fields, in both directions (`trajectune.agents.protocol`). A reply's limit has
two names in the API; where a server refuses one, the other is used from then on.

Invariants: the key comes from an environment variable alone, and is in no message, file or log; one
conversation that fails for good is an `AgentReply` with `finish="error"`; an answer is bounded in size
and time.
"""

from __future__ import annotations

import logging
import os
import random
import re
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import httpx

from trajectune.agents.availability import Availability
from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.agents.http import chat_url, retry_after
from trajectune.agents.protocol import message_body, read_message, tool_body
from trajectune.errors import ModelError, RecipeError, TrajectuneError
from trajectune.storage import parse_json
from trajectune.trajectory import Usage

MAX_ANSWER_BYTES = 8 * 1024 * 1024
LONGEST_PAUSE = 60.0
"""Seconds; a longer `Retry-After` is cut to this."""

_PASSING = {408, 409, 425, 429}
# The protocol has one status, 400, for all bad requests; servers tell this one by its words alone.
_TOO_LONG = re.compile(
    r"context[_ ](?:length|window)|maximum (?:context|model|input) len|too (?:long|many tokens)", re.I
)
_LIMITS = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}
# A server that finds the number itself wrong would find it wrong under the other name too, or ignore it.
_WRONG_NUMBER = re.compile(
    r"too (?:large|big|high|small|low)|at (?:most|least)|must be|exceed|(?:max|min)imum", re.I
)
_log = logging.getLogger(__name__)


class _OtherLimitError(Exception):
    """The server does not know this name of the limit: the request is to be made with the other."""


class _PassingError(Exception):
    """A failure that may be over when the request is made again."""

    def __init__(self, what: str, pause: float | None = None) -> None:
        super().__init__(what)
        self.pause = pause
        """Seconds that the server asks to wait."""


class EndpointAgent(Agent):
    """A model served at `url`, such as `http://localhost:8000/v1`.

    `Endpoint("http://localhost:8000/v1", "my-model", workers=8)`.
    """

    def __init__(
        self,
        url: str,
        model: str,
        *,
        key_variable: str = "OPENAI_API_KEY",
        workers: int = 8,
        temperature: float = 0.0,
        max_new_tokens: int = 512,
        timeout: float = 120.0,
        tries: int = 6,
        first_pause: float = 1.0,
        on_notice: Callable[[str], None] = _log.warning,
    ) -> None:
        """`key_variable` names the environment variable with the key (unset: no key is sent).

        `timeout` is in seconds, for a whole request; `tries` requests are made at most, with pauses
        that double from `first_pause` seconds. `on_notice` is told when the server stops answering, with
        what is tried again and until when, and when it answers again; any worker's thread may call it.
        Raises `RecipeError` for a URL that is none.
        """
        self.name = model
        self.workers = workers
        self._url = chat_url(url)
        self._key_variable = key_variable
        self._key = os.environ.get(key_variable, "").strip()
        self._options = {"model": model, "temperature": temperature}
        self._max_new_tokens = max_new_tokens
        self._limit = "max_tokens"
        self._refused_limits: set[str] = set()
        self._timeout = timeout
        self._tries = tries
        self._first_pause = first_pause
        self._closed = threading.Event()
        self._server = Availability(self._redact(str(self._url.copy_with(userinfo=b""))), on_notice)
        self._client = httpx.Client(timeout=timeout, limits=httpx.Limits(max_connections=max(workers, 1)))

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        return [self._reply(conversation) for conversation in conversations]

    def close(self) -> None:
        self._closed.set()
        self._client.close()

    def _reply(self, conversation: Conversation) -> AgentReply:
        with self._server.request():
            return self._insist(conversation)

    def _insist(self, conversation: Conversation) -> AgentReply:
        """The reply; where the server gives none in all tries, the error. Raises what a user must mend."""
        tried = 0
        while True:
            self._server.check()
            started = time.monotonic()
            try:
                reply = self._request(self._body(conversation))
            except _OtherLimitError:
                continue
            except _PassingError as failure:
                pause = self._pause(tried, failure.pause)
                tried += 1
                error = self._redact(str(failure))
                if tried < self._tries:
                    self._server.failed(error, self._tries - tried, self._left(tried, pause, started))
                if tried >= self._tries or self._closed.wait(pause):
                    return AgentReply("", finish="error", error=f"{error} (gave up after {tried} tries)")
            else:
                self._server.answered()
                return reply

    def _body(self, conversation: Conversation) -> dict[str, Any]:
        messages = [message_body(m) for m in conversation.messages]
        body = {**self._options, self._limit: self._max_new_tokens, "messages": messages}
        if conversation.tools:
            body["tools"] = [tool_body(tool) for tool in conversation.tools]
        if conversation.stop:
            body["stop"] = list(conversation.stop)
        if self._options["temperature"]:
            body["seed"] = conversation.seed
        return body

    def _request(self, body: dict[str, Any]) -> AgentReply:
        """One request. Raises `_PassingError`, or `TrajectuneError` for what the user must mend."""
        started = time.perf_counter()
        try:
            response, content = self._post(body)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            raise _PassingError(f"no answer from the endpoint: {type(error).__name__}: {error}") from None
        if response.status_code != 200:
            return self._refused(response, content, body)
        return _read_answer(content, time.perf_counter() - started)

    def _post(self, body: dict[str, Any]) -> tuple[httpx.Response, bytes]:
        headers = {"Authorization": f"Bearer {self._key}"} if self._key else {}
        deadline = time.monotonic() + self._timeout
        content = bytearray()
        with self._client.stream("POST", self._url, json=body, headers=headers) as response:
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise httpx.ReadError("the answer is too large")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer takes too long")
        return response, bytes(content)

    def _refused(self, response: httpx.Response, content: bytes, body: dict[str, Any]) -> AgentReply:
        """What a status other than 200 means."""
        status = response.status_code
        said = self._redact(content[:500].decode("utf-8", "replace"))
        if status in _PASSING or status >= 500:
            raise _PassingError(f"the endpoint answers {status}: {said}", retry_after(response))
        if status == 413 or (status == 400 and _TOO_LONG.search(said)):
            return AgentReply("", finish="context", error=said)
        if status in (401, 403):
            raise self._for_the_user(RecipeError, f"the endpoint refuses the key ({status})", said)
        if status == 404 or 300 <= status < 400:
            raise self._for_the_user(
                ModelError, f"the endpoint has no such address or model ({status})", said
            )
        if status in (400, 422) and self._takes_other_limit(body, said):
            raise _OtherLimitError
        return AgentReply("", finish="error", error=f"the endpoint answers {status}: {said}")

    def _for_the_user(self, kind: type[TrajectuneError], what: str, said: str) -> TrajectuneError:
        remedy = f"check the model {self.name!r} and the URL (most end with /v1)"
        if kind is RecipeError:
            remedy = f"put a valid key into the environment variable {self._key_variable}"
        where = self._redact(str(self._url.copy_with(userinfo=b"")))
        return self._server.refuse(kind(f"{what}: {said}", where=where, remedy=remedy))

    def _takes_other_limit(self, body: dict[str, Any], said: str) -> bool:
        """Whether the limit's other name is still to be tried, the server having refused this one."""
        sent = next(name for name in _LIMITS if name in body)
        other = _LIMITS[sent]
        named = re.search(rf"\b{sent}\b", said)
        if not named or (_WRONG_NUMBER.search(said) and other not in said) or other in self._refused_limits:
            return False
        self._refused_limits.add(sent)
        self._limit = other
        return True

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

    def _redact(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def _read_answer(content: bytes, seconds: float) -> AgentReply:
    """The reply in a chat completion. Raises `_PassingError` where it is none."""
    try:
        answer = parse_json(content)
        choice = answer["choices"][0]
        text, calls = read_message(choice["message"])
        spent = answer.get("usage") or {}
        usage = Usage(
            prompt_tokens=spent.get("prompt_tokens") or 0,
            generated_tokens=spent.get("completion_tokens") or 0,
            seconds=seconds,
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError) as error:
        raise _PassingError(
            f"the endpoint's answer is no chat completion: {type(error).__name__}"
        ) from None
    finish = "length" if choice.get("finish_reason") == "length" else "stop"
    return AgentReply(text, finish=finish, usage=usage, calls=calls)
