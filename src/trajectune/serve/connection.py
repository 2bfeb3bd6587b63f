"""One client's connection: what it may take of time and room before anybody has asked for anything.

The idea: HTTP is h11's and uvicorn's business; here are only the deadlines that these lack, and plain
refusals in place of tracebacks. A head must be whole in `HEAD_SECONDS`, a body in `BODY_SECONDS`, and who
does not read what was asked for is cut off after `STALL_SECONDS`. When `MAX_CONNECTIONS` are open, a new
one takes the place of the one that has kept us waiting longest, so that nobody can lock the others out by
holding connections; only where all of them wait for us is it refused.

Invariant: whatever bytes come, in whatever order, a connection ends or goes on, and the log stays clean.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from trajectune.serve.api.errors import ApiError, stopping, too_busy

if TYPE_CHECKING:
    from asyncio import TimerHandle

HEAD_SECONDS = 10.0
"""From a connection, or the first byte of a further request, to the end of the head."""
BODY_SECONDS = 60.0
"""From the end of the head to the end of the body."""
STALL_SECONDS = 30.0
"""For a client that does not read."""
LINGER_SECONDS = 5.0
"""For the rest of a body that was refused: who still sends must be able to read why."""
MAX_CONNECTIONS = 512
"""Open at one time: half of the files that a process may usually have open."""


class Connection(H11Protocol):
    """uvicorn's protocol with deadlines."""

    _timer: TimerHandle | None = None
    _stall: TimerHandle | None = None
    _turn: tuple[object, bool, bool] = (h11.IDLE, True, True)
    since: float = 0.0
    """When it began to do what it does now, on the loop's clock."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        super().connection_made(transport)
        self._expect(HEAD_SECONDS)
        if len(self.connections) > MAX_CONNECTIONS:
            self._make_room()

    def connection_lost(self, exc: Exception | None) -> None:
        for timer in (self._timer, self._stall):
            if timer is not None:
                timer.cancel()
        self._unset_keepalive_if_required()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self.transport.is_closing():
            return
        super().data_received(data)
        self._watch()

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls it for what is no HTTP, at any time."""
        del msg
        self._refuse(ApiError(400, "this is no HTTP request that can be read"))

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._stall = self.loop.call_later(STALL_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()

    def shutdown(self) -> None:
        if self.keeps_us_waiting:
            self._refuse(stopping())
        else:
            super().shutdown()

    @property
    def keeps_us_waiting(self) -> bool:
        """Whether it is the client's turn: it has not asked for anything yet, or not to the end."""
        return self._answered or self.conn.their_state is h11.SEND_BODY

    def drop(self) -> None:
        """Ends a connection on which no answer is due."""
        self._refuse(ApiError(408, "the request took too long", code="timeout"))

    @property
    def _answered(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _watch(self) -> None:
        """A deadline for what the client does now; between two requests uvicorn's own holds."""
        doing = self.conn.their_state
        turn = (doing, self._answered, bool(self.conn.trailing_data[0]))
        if turn == self._turn or self.transport.is_closing():
            return
        self._turn = turn
        if doing is h11.SEND_BODY:
            self._expect(LINGER_SECONDS if self._answered else BODY_SECONDS)
        else:
            self._expect(HEAD_SECONDS if doing is h11.IDLE and turn[2] else None)

    def _expect(self, seconds: float | None) -> None:
        """Something must come in so many seconds; None: it is not the client's turn."""
        self.since = self.loop.time()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None if seconds is None else self.loop.call_later(seconds, self.drop)

    def _make_room(self) -> None:
        others = [
            other for other in self.connections if isinstance(other, Connection) and other is not self
        ]
        late = [other for other in others if other.keeps_us_waiting and not other.transport.is_closing()]
        if late:
            min(late, key=lambda other: other.since).drop()
        else:
            self._refuse(too_busy())

    def _refuse(self, error: ApiError) -> None:
        """Answers in place of the app, if it has not begun to, and hangs up."""
        if self.transport.is_closing():
            return
        if self.cycle is not None and not self.cycle.response_complete:
            self.cycle.disconnected = True  # for the app the client is gone
            self.cycle.message_event.set()
        if self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            body = bytes(error.response().body)
            headers = [("content-type", "application/json"), ("connection", "close")]
            length = ("content-length", str(len(body)))
            reason = HTTPStatus(error.status).phrase.encode()
            head = h11.Response(status_code=error.status, headers=[*headers, length], reason=reason)
            events = (head, h11.Data(data=body), h11.EndOfMessage())
            self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.close()
