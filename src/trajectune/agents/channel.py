"""The line to a chat endpoint: what is sent with every request, and an answer bounded in size and time.

The idea: everything that is secret is here, so that nothing above can tell it: the key and the values of
some headers come from environment variables, and `redact` takes them out of whatever a server says. Every
request in flight has a client of its own: one pool of a thousand connections would be searched for each.

Invariants: a secret is in no message, file or log; an answer that is too large or too slow is an
`httpx.HTTPError`, as one that never came is.
"""

from __future__ import annotations

import os
import re
import time
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import httpx

from trajectune.agents.http import chat_url
from trajectune.errors import RecipeError

MAX_ANSWER_BYTES = 8 * 1024 * 1024
_SECRET = re.compile(r"authorization|api[-_]?key|token|secret|cookie|password", re.I)
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
DONE = b"\ndata: [DONE]"
"""What ends a streamed answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said."""

    status: int
    headers: Mapping[str, str]
    """Names in small letters."""
    content: bytes

    @property
    def streamed(self) -> bool:
        """Whether it came as server-sent events, asked for or not."""
        return self.headers.get("content-type", "").startswith("text/event-stream")


class Channel:
    """Posts JSON to the chat completions of one server; many threads may do so at once."""

    def __init__(
        self,
        url: str,
        *,
        key_variable: str,
        headers: Mapping[str, str],
        header_variables: Mapping[str, str],
        timeout: float,
    ) -> None:
        """`header_variables` gives headers the values of environment variables. Raises `RecipeError`."""
        check_headers(headers)
        self._url = chat_url(url)
        key = os.environ.get(key_variable, "").strip()
        secret = {name: _value(name, variable) for name, variable in header_variables.items()}
        given = {"Authorization": f"Bearer {key}"} if key else {}
        self._secrets = [each for each in (key, *secret.values()) if each]
        self._timeout = timeout
        self._headers = {**given, **headers, **secret}
        self._tls = httpx.create_ssl_context()
        self._idle: deque[httpx.Client] = deque()
        self._closed = False

    @property
    def address(self) -> str:
        """Where requests go, as a user may read it."""
        return self.redact(str(self._url.copy_with(userinfo=b"")))

    def post(self, body: Mapping[str, Any]) -> Answer:
        """The answer to one request. Raises `httpx.HTTPError`, or `httpx.InvalidURL`."""
        with self._client() as client, client.stream("POST", self._url, json=body) as response:
            content = self._content(response)
            return Answer(response.status_code, response.headers, content)

    def _content(self, response: httpx.Response) -> bytes:
        """All that is sent, within its bounds."""
        deadline = time.monotonic() + self._timeout
        content = bytearray()
        try:
            for chunk in response.iter_bytes():
                content += chunk
                if len(content) > MAX_ANSWER_BYTES:
                    raise httpx.ReadError("the answer is too large")
                if time.monotonic() > deadline:
                    raise httpx.ReadTimeout("the answer takes too long")
        except httpx.HTTPError:
            if DONE not in content:  # behind the end of a stream nothing more is of interest
                raise
        return bytes(content)

    @contextmanager
    def _client(self) -> Iterator[httpx.Client]:
        """The client that was used last, so that its connection is still open, or a new one."""
        try:
            client = self._idle.pop()
        except IndexError:
            client = httpx.Client(timeout=self._timeout, headers=self._headers, verify=self._tls)
        try:
            yield client
        finally:
            self._idle.append(client)
            if self._closed:
                self.close()

    def redact(self, text: str) -> str:
        """The text without any secret that was sent."""
        for secret in self._secrets:
            text = text.replace(secret, "[key]")
        return text

    def close(self) -> None:
        """Close every connection; those of requests in flight when they end."""
        self._closed = True
        while self._idle:
            with suppress(IndexError):  # another thread closes too
                self._idle.pop().close()


def check_headers(headers: Mapping[str, str]) -> None:
    """Raises `RecipeError` for a header that is none, or whose value should be kept secret."""
    for name, value in headers.items():
        _check(name, value)
        if _SECRET.search(name):
            raise RecipeError(
                f"the value of the header {name!r} would be stored with the results",
                remedy="put it into an environment variable and name that in `header_variables`",
            )


def _check(name: str, value: str) -> None:
    if not _NAME.fullmatch(name):
        raise RecipeError(f"{name!r} is no name of a header", remedy="write it like X-Title")
    if not (value.isascii() and value.isprintable()):
        raise RecipeError(
            f"the value of the header {name!r} cannot be sent",
            remedy="use printable ASCII characters alone",
        )


def _value(name: str, variable: str) -> str:
    """What an environment variable holds. Raises `RecipeError` where it is not set, or cannot be sent."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise RecipeError(
            f"the environment variable {variable} is not set",
            remedy=f"put the value of the header {name!r} into it",
        )
    _check(name, value)
    return value
