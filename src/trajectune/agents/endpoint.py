"""An agent behind any OpenAI-compatible chat endpoint.

The idea: one conversation is one request; `workers` threads of the rollout make them at the same time.
What may pass (429, 5xx, time-outs, a broken answer) is tried again with growing, jittered pauses, and
`Retry-After` is obeyed; what cannot pass is told to the user at once (a refused key, an unknown model).

Tools travel in the API's own fields, in both directions (`trajectune.agents.protocol`).

Invariants: the key comes from an environment variable alone, and is in no message, file or log; one
conversation that fails for good is an `AgentReply` with `finish="error"`; an answer is bounded in size
and time.
"""

from __future__ import annotations

import email.utils
import os
import random
import re
import threading
import time
from collections.abc import Sequence
from typing import Any

import httpx

from trajectune.agents.contract import Agent, AgentReply, Conversation
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
    ) -> None:
        """`key_variable` names the environment variable with the key (unset: no key is sent).

        `timeout` is in seconds, for a whole request; `tries` requests are made at most, with pauses
        that double from `first_pause` seconds. Raises `RecipeError` for a URL that is none.
        """
        self.name = model
        self.workers = workers
        self._url = _chat_url(url)
        self._key_variable = key_variable
        self._key = os.environ.get(key_variable, "").strip()
        self._options = {"model": model, "temperature": temperature, "max_tokens": max_new_tokens}
        self._timeout = timeout
        self._tries = tries
        self._first_pause = first_pause
        self._closed = threading.Event()
        self._client = httpx.Client(timeout=timeout, limits=httpx.Limits(max_connections=max(workers, 1)))

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        return [self._reply(conversation) for conversation in conversations]

    def close(self) -> None:
        self._closed.set()
        self._client.close()

    def _reply(self, conversation: Conversation) -> AgentReply:
        body = self._body(conversation)
        tried = 0
        while True:
            try:
                return self._request(body)
            except _PassingError as failure:
                pause = self._pause(tried, failure.pause)
                tried += 1
                if tried >= self._tries or self._closed.wait(pause):
                    error = f"{self._redact(str(failure))} (gave up after {tried} tries)"
                    return AgentReply("", finish="error", error=error)

    def _body(self, conversation: Conversation) -> dict[str, Any]:
        body = {**self._options, "messages": [message_body(m) for m in conversation.messages]}
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
            return self._refused(response, content)
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

    def _refused(self, response: httpx.Response, content: bytes) -> AgentReply:
        """What a status other than 200 means."""
        status = response.status_code
        said = self._redact(content[:500].decode("utf-8", "replace"))
        if status in _PASSING or status >= 500:
            raise _PassingError(f"the endpoint answers {status}: {said}", _retry_after(response))
        if status == 413 or (status == 400 and _TOO_LONG.search(said)):
            return AgentReply("", finish="context", error=said)
        if status in (401, 403):
            raise self._for_the_user(RecipeError, f"the endpoint refuses the key ({status})", said)
        if status == 404 or 300 <= status < 400:
            raise self._for_the_user(
                ModelError, f"the endpoint has no such address or model ({status})", said
            )
        return AgentReply("", finish="error", error=f"the endpoint answers {status}: {said}")

    def _for_the_user(self, kind: type[TrajectuneError], what: str, said: str) -> TrajectuneError:
        remedy = f"check the model {self.name!r} and the URL (most end with /v1)"
        if kind is RecipeError:
            remedy = f"put a valid key into the environment variable {self._key_variable}"
        return kind(
            f"{what}: {said}", where=self._redact(str(self._url.copy_with(userinfo=b""))), remedy=remedy
        )

    def _pause(self, attempt: int, asked: float | None) -> float:
        """Seconds to wait: what the server asks, else doubling; jittered, so that workers spread out."""
        pause = self._first_pause * 2**attempt if asked is None else asked
        return min(LONGEST_PAUSE, pause) * random.uniform(1.0, 1.5)

    def _redact(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text


def _chat_url(url: str) -> httpx.URL:
    try:
        parsed = httpx.URL(url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions")
    except httpx.InvalidURL:
        parsed = httpx.URL()
    if parsed.scheme not in ("http", "https") or not parsed.host:
        raise RecipeError(
            "the endpoint's URL is not one", where=url, remedy="write it like http://localhost:8000/v1"
        )
    return parsed


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds of a `Retry-After` header, given as a number or as a date; `None` without one."""
    value = response.headers.get("retry-after", "")
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError):
        return None


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
