"""What goes wrong for a client, in the API's own words.

The idea: every refusal is an `ApiError`, and every `ApiError` becomes `{"error": {message, type, param,
code}}` with its status, whether it was found by us, by pydantic or by the web framework.

Invariant: a client never sees a traceback, nor the words of an error that was not made for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import ValidationError
from starlette.exceptions import HTTPException

_LONGEST = 200  # signs of a client's own words that an error repeats
_KINDS = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}


class ApiError(Exception):
    """A refusal with its HTTP status.

    `param` names the field of the request that is wrong; `code` is a word that programs can read.
    """

    def __init__(
        self,
        status: int,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.status = status
        self.message = message
        self.param = param
        self.code = code
        self.headers = headers
        super().__init__(message)

    @property
    def body(self) -> dict[str, Any]:
        """The API's error object."""
        kind = _KINDS.get(self.status, "server_error" if self.status >= 500 else "invalid_request_error")
        return {"error": {"message": self.message, "type": kind, "param": self.param, "code": self.code}}

    def response(self) -> JSONResponse:
        return JSONResponse(self.body, self.status, dict(self.headers or {}))


def overloaded() -> ApiError:
    """There are more requests than may wait."""
    return ApiError(
        429,
        "too many requests are waiting; try again in a moment",
        code="rate_limit_exceeded",
        headers={"Retry-After": "1"},
    )


def too_busy() -> ApiError:
    """There is no room for what a client wants to send."""
    return ApiError(
        503,
        "too much is being read; try again in a moment",
        code="unavailable",
        headers={"Retry-After": "1"},
    )


def stopping() -> ApiError:
    """The server is being shut down."""
    return ApiError(503, "the server is stopping", code="unavailable")


def answer_errors(app: FastAPI) -> None:
    """Makes the app answer every kind of failure with the API's error object."""

    async def ours(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ApiError)
        return error.response()

    async def of_the_framework(_: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        return ApiError(error.status_code, error.detail, headers=error.headers).response()

    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        del error  # the server's log has it
        return ApiError(500, "an error of the server; its log says more").response()

    app.add_exception_handler(ApiError, ours)
    app.add_exception_handler(HTTPException, of_the_framework)
    app.add_exception_handler(Exception, unexpected)


def invalid(error: ValidationError) -> ApiError:
    """The first thing that is wrong with a body."""
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])[:_LONGEST]
    said = first["msg"].removeprefix("Value error, ")[: 2 * _LONGEST]
    return ApiError(400, f"{place}: {said}", param=place)
