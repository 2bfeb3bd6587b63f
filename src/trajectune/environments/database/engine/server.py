"""A process that holds databases and runs statements in them, one at a time, under hard limits.

The idea: what SQLite's own fences cannot reach is stopped by the kernel. While a statement is handled
(rewriting, running, reading and writing its rows) a timer is set whose signal ends this process, and its
memory may grow by `MEMORY` and no more; files have no size, so that nothing can be written to disk. The
other side (`trajectune.environments.database.engine.processes`) takes the end of this process for the
statement's fault; it keeps an image of every database and opens it again in a new process.

What a database is, is told to `serve`: here SQLite in memory, or a connection to a server
(`trajectune.environments.database.servers.process`).

Standard input is a socket: `{"number", "sql", "seconds", "whole", "forget"}`, behind it the image of a
database that is opened first; the answer is what `Database.answer` gives, with the rows `changed`, behind
it the new image where there are any. The end of the socket ends the process.

Invariant: no statement takes longer than its seconds and `GRACE`, also when nobody waits any more.
"""

from __future__ import annotations

import gc
import os
import resource
import signal
import sqlite3
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from trajectune.environments.database.engine.fence import Database
from trajectune.environments.database.engine.wire import BUFFER, receive, send

GRACE = 0.3
"""Seconds that a statement may take longer than it was given, until it is killed."""
MEMORY = 240 * 2**20
"""Bytes that the handling of a statement may take; with the process itself less than 300 MB."""
PER_DATABASE = 256 * 2**10
"""Bytes of an open connection, besides its pages."""


class Held(Protocol):
    """A database as it is held here: a `Database` of SQLite, or a connection to a server."""

    @property
    def changes(self) -> int: ...

    def image(self) -> bytes: ...

    def close(self) -> None: ...

    def answer(self, sql: str, seconds: float, whole: bool) -> Mapping[str, Any]: ...


Opening = Callable[[Mapping[str, Any], bytes], Held]
"""Opens the database of a request, from the image behind it."""


class Databases:
    """The open databases, by number."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._open: dict[int, Held] = {}
        self._sizes: dict[int, int] = {}
        self._own = _address_space()
        _, self._hard = resource.getrlimit(resource.RLIMIT_AS)
        self._most = sys.maxsize if self._hard == resource.RLIM_INFINITY else self._hard

    def handle(self, request: Mapping[str, Any], image: bytes) -> tuple[dict[str, Any], bytes]:
        """Answer one request, with the image of a database that was changed."""
        for number in request["forget"]:
            if number in self._open:
                self._open.pop(number).close()
                del self._sizes[number]
        number = request["number"]
        if number not in self._open:
            try:
                self._open[number] = self._opening(request, image)
            except sqlite3.Error as error:
                return {"error": str(error), "changed": 0}, b""
            self._sizes[number] = len(image)
        database = self._open[number]
        before = database.changes
        with self._limits(request["seconds"]):
            answer = database.answer(request["sql"], request["seconds"], request["whole"])
        changed = database.changes - before
        image = database.image() if changed else b""
        self._sizes[number] = max(self._sizes[number], len(image))
        return {**answer, "changed": changed}, image

    @contextmanager
    def _limits(self, seconds: float) -> Iterator[None]:
        held = sum(2 * size + PER_DATABASE for size in self._sizes.values())  # each page may be cached
        resource.setrlimit(resource.RLIMIT_AS, (min(self._own + held + MEMORY, self._most), self._hard))
        signal.setitimer(signal.ITIMER_REAL, seconds + GRACE)
        try:
            yield
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            resource.setrlimit(resource.RLIMIT_AS, (self._hard, self._hard))


def _address_space() -> int:
    """Bytes of address space that this process has taken."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _prepare() -> None:
    """Nothing is written, no keys of the terminal are heard, and the timer's signal kills."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])


def serve(opening: Opening) -> None:
    """Serve until the other side is gone."""
    _prepare()
    gc.freeze()  # sqlglot is large and stays
    databases = Databases(opening)
    with os.fdopen(0, "rb", BUFFER) as inbox, os.fdopen(os.dup(0), "wb") as outbox:
        send(outbox, {"ready": True})
        try:
            while True:
                send(outbox, *databases.handle(*receive(inbox)))
        except (EOFError, OSError):
            return


if __name__ == "__main__":
    serve(lambda _, image: Database(image))
