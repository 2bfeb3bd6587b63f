"""At the door: who may come in, and with how much.

The idea: the key and the size of a body are looked at before anything is read or parsed, and every
request that leaves is counted.

Invariants: the key is compared in constant time and is in no message and no log; only `/health` and
`/metrics` are open without it; a body is never held beyond the limit.
"""

from __future__ import annotations

import hmac
from typing import Any

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trajectune.serve.api.errors import ApiError
from trajectune.serve.metrics import Metrics

OPEN = ("/health", "/metrics")
PATHS = (*OPEN, "/v1/models", "/v1/completions", "/v1/chat/completions")


class Gate:
    """ASGI middleware; an empty `key` lets everybody in, `max_body` is in bytes."""

    def __init__(self, app: ASGIApp, key: str, max_body: int, metrics: Metrics) -> None:
        self._app = app
        self._key = key.encode()
        self._max_body = max_body
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"] if scope["path"] in PATHS else "other"

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.requests.labels(path, str(message["status"])).inc()
            await send(message)

        headers = Headers(scope=scope)
        if refusal := self._refusal(path, headers):
            await refusal.response()(scope, receive, counting)
        else:
            await self._app(scope, self._limited(receive), counting)

    def _refusal(self, path: str, headers: Headers) -> ApiError | None:
        if self._key and path not in OPEN and not self._knows_key(headers):
            return ApiError(
                401,
                "a valid key is needed: Authorization: Bearer KEY",
                code="invalid_api_key",
                headers={"WWW-Authenticate": "Bearer"},
            )
        length = headers.get("content-length", "")
        if length.isdecimal() and int(length) > self._max_body:
            return self._too_large()
        return None

    def _knows_key(self, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(given.strip().encode(), self._key)

    def _too_large(self) -> ApiError:
        return ApiError(413, f"the body is larger than {self._max_body:,} bytes", code="request_too_large")

    def _limited(self, receive: Receive) -> Receive:
        """For bodies that do not say their size beforehand."""
        size = 0

        async def limited() -> dict[str, Any]:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > self._max_body:
                # The framework lets its own exception through where it would hide another.
                raise HTTPException(413, self._too_large().message)
            return dict(message)

        return limited
