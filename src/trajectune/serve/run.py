"""The app on a socket, until Ctrl-C.

Invariants: the address is taken before a model is loaded, so that a port in use is said at once, and it
accepts nobody before there is an answer to give; stopping ends every request with an error, at once.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable

import uvicorn
from fastapi import FastAPI

from trajectune.errors import RecipeError
from trajectune.serve.connection import Connection

_GRACE = 2  # seconds; for clients that do not read what they asked for
_KEEP_ALIVE = 60  # seconds between two requests; longer than clients keep theirs, so that they close first


def _nothing() -> None:
    pass


class Server(uvicorn.Server):
    """Drops all running requests when it stops, in place of waiting for their end.

    `on_ready` is called when connections are accepted.
    """

    def __init__(self, app: FastAPI, on_ready: Callable[[], None] = _nothing) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=Connection,
                ws="none",
                log_level="error",
                access_log=False,
                timeout_keep_alive=_KEEP_ALIVE,
                timeout_graceful_shutdown=_GRACE,
            )
        )
        self._app = app
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._on_ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._app.state.scheduler.close()
        await super().shutdown(sockets)


def bind(host: str, port: int) -> socket.socket:
    """A socket on the address, not listening yet; port 0 takes any free one. Raises RecipeError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio sets TCP_NODELAY: else a short answer waits for the client's ACK.
    found = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((host, port))
    except OSError as error:
        found.close()
        raise RecipeError(
            f"the server cannot have this address: {error.strerror or error}",
            where=f"{host}:{port}",
            remedy="choose another --port, or --host 127.0.0.1",
        ) from None
    return found


def serve_app(app: FastAPI, listener: socket.socket, on_ready: Callable[[], None] = _nothing) -> None:
    """Serves until SIGINT or SIGTERM; `on_ready` is called when connections are accepted."""
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has stopped by then, and raises it again
        Server(app, on_ready).run(sockets=[listener])
