"""From the bytes of a request to its record, without holding up the event loop or the memory.

The idea: JSON is parsed here and not by the web framework, which does it in the event loop: small bodies
in a pool of threads, large ones one after the other in a thread of their own, so that many of them take
one core and small ones overtake them.

Invariants: large bodies together hold at most `ROOM` bytes; what is done with one in a single go, while
nothing else runs in this process, takes about a tenth of a second at most; JSON means one thing only (no
duplicate keys, no NaN, no halves of surrogate pairs), or is refused.
"""

from __future__ import annotations

import asyncio
import gc
import json
import re
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, ValidationError

from trajectune.serve.api.errors import ApiError, invalid, too_busy
from trajectune.storage.text import decode

SMALL = 64 * 1024
"""Bytes; a larger body waits for its turn."""
ROOM = 64 * 1024 * 1024
"""Bytes of all large bodies that are being received and read."""
MAX_VALUES = 1_000_000
"""Values in a body, counted by the signs that begin or separate them, in texts too."""

_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
_Record = TypeVar("_Record", bound=BaseModel)
_T = TypeVar("_T")


class Bodies:
    """Receives bodies and has them read."""

    def __init__(self) -> None:
        self._held = 0
        self._large = ThreadPoolExecutor(1, "trajectune-large-bodies")

    def close(self) -> None:
        """Those that wait to be read are forgotten."""
        self._large.shutdown(wait=False, cancel_futures=True)

    @asynccontextmanager
    async def received(self, http: Request) -> AsyncIterator[bytes]:
        """The body, held until the end of the block.

        Raises ApiError, or ClientDisconnect when the client leaves before its end.
        """
        if not http.headers.get("content-type", "").partition(";")[0].strip().lower().endswith("json"):
            raise ApiError(400, "the body must be JSON, with Content-Type: application/json")
        body, counted = bytearray(), 0
        try:
            async for chunk in http.stream():
                body += chunk
                if len(body) > SMALL:
                    more = len(body) - counted
                    if self._held + more > ROOM:
                        raise too_busy()
                    self._held += more
                    counted += more
            yield bytes(body)
        finally:
            self._held -= counted

    async def beside(self, body: bytes, work: Callable[[], _T]) -> _T:
        """The result of `work` on the body, done beside the event loop."""
        loop = asyncio.get_running_loop()
        if len(body) <= SMALL:
            return await loop.run_in_executor(None, work)
        return await loop.run_in_executor(self._large, _without_collection, work)


def _without_collection(work: Callable[[], _T]) -> _T:
    """A million small objects come and go as a whole; looking for cycles among them takes seconds."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        return work()
    finally:
        if enabled:
            gc.enable()


def parse(body: bytes, record: type[_Record]) -> _Record:
    """The record in a body. Raises ApiError."""
    data = _json(body)
    if not isinstance(data, dict):
        raise ApiError(400, "the body must be a JSON object")
    try:
        return record.model_validate(data)
    except ValidationError as error:
        raise invalid(error) from None


def _json(body: bytes) -> Any:
    try:
        text = decode(body)
        if sum(map(text.count, ",[{")) > MAX_VALUES:
            raise ApiError(413, f"the body holds more than {MAX_VALUES:,} values", code="request_too_large")
        data = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
        if _SURROGATE.search(text):
            json.dumps(data, ensure_ascii=False).encode()
    except json.JSONDecodeError as error:
        raise ApiError(400, f"the body is not JSON: {error.msg} at character {error.pos}") from None
    except UnicodeEncodeError:  # JSON can write it, but it is no text, and no answer could repeat it
        raise ApiError(400, "the body holds half of a surrogate pair") from None
    except RecursionError:
        raise ApiError(400, "the body is nested too deeply") from None
    except ValueError as error:
        raise ApiError(400, f"the body is not JSON: {error}") from None
    return data


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{twice[:100]!r} is there twice")
    return found


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")
