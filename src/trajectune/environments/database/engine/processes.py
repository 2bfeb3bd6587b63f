"""The processes that hold the open databases, on this program's side.

The idea: a statement goes to the process that has its database. When the process ends over it, the answer
says why; another process takes the place, and the databases that were in the old one are opened there
again, each when it is next used. A second process is started only when the first is busy, up to
`MAX_PROCESSES`, so that a slow statement of one episode does not stop the others.

Invariants: a process handles one statement at a time, and the clock of a statement starts when its
handling does; only the statement in hand is blamed for the end of a process. A forked child leaves its
parent's processes alone and starts its own. All end with this program, whatever ends it (their socket
closes).
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from trajectune.environments.database.engine.wire import BUFFER, receive, send
from trajectune.errors import EpisodeError

MAX_PROCESSES = 4
"""Statements that run at the same time; a process takes about 30 MB, and what its databases hold."""
PATIENCE = 60.0
"""Seconds in which a process must start, and by which an answer may be late, before it counts as broken."""


class ProcessGoneError(Exception):
    """The process had ended before it was given the statement."""


class ProcessEndedError(Exception):
    """The process ended over the statement; the text says why."""


class Process:
    """One process; see `trajectune.environments.database.engine.server` for what it is told."""

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._forgotten: deque[int] = deque()
        self._ready = False
        self._socket, theirs = socket.socketpair()
        self._file = self._socket.makefile("rwb", BUFFER)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-m", module],
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=os.environ | {"PYTHONPATH": _import_path()},
                start_new_session=True,  # Ctrl-C is for this program
            )
        self._end = weakref.finalize(self, _end, self._process, self._socket)

    @property
    def alive(self) -> bool:
        """Whether it may still be asked; it may turn out to be gone."""
        return self._end.alive

    @property
    def busy(self) -> bool:
        """Whether a statement is in hand."""
        return self._lock.locked()

    @property
    def pid(self) -> int:
        return self._process.pid

    def forget(self, number: int) -> None:
        """Drop a database, with the next statement. Never waits: a garbage collector may call it."""
        self._forgotten.append(number)

    def ask(self, request: Mapping[str, Any], image: bytes) -> tuple[dict[str, Any], bytes]:
        """Have a statement handled. Raises `ProcessGoneError`, `ProcessEndedError` or `EpisodeError`."""
        with self._lock:
            if not self.alive:
                raise ProcessGoneError
            try:
                self._start()
                return self._exchange(request, image)
            except BaseException:  # also Ctrl-C: what comes next would get this answer
                self.end()
                raise

    def end(self) -> int:
        """End the process and give its exit status. Calling it again does nothing."""
        self._end()
        return self._process.wait()

    def disown(self) -> None:
        """In a forked child: leave the process to the parent."""
        self._end.detach()
        _close(self._socket)
        self._lock = threading.Lock()

    def _start(self) -> None:
        if self._ready:
            return
        self._socket.settimeout(PATIENCE)
        try:
            receive(self._file)
        except (EOFError, OSError) as error:
            raise EpisodeError(
                f"The database process did not start (exit status {self.end()}).",
                remedy=f"See what it says: {sys.executable} -m {self._module}",
            ) from error
        self._ready = True

    def _exchange(self, request: Mapping[str, Any], image: bytes) -> tuple[dict[str, Any], bytes]:
        forget = [self._forgotten.popleft() for _ in range(len(self._forgotten))]
        self._socket.settimeout(request["seconds"] + PATIENCE)
        try:
            send(self._file, {**request, "forget": forget}, image)
        except OSError as error:
            raise ProcessGoneError from error
        try:
            return receive(self._file)
        except TimeoutError as error:
            raise EpisodeError("The database process hangs.", remedy="run the episode again") from error
        except (EOFError, OSError) as error:
            late = self._process.wait() == -signal.SIGALRM
            text = f"stopped after {request['seconds']:g} seconds" if late else "out of memory"
            raise ProcessEndedError(text) from error


def _import_path() -> str:
    """Where modules are found here, so that they are found there."""
    return os.pathsep.join(str(Path(place).resolve()) for place in sys.path if place)


def _end(process: subprocess.Popen[bytes], connection: socket.socket) -> None:
    _close(connection)
    process.kill()
    process.wait()


def _close(connection: socket.socket) -> None:
    """Close it at once, whatever file stands on it, with nothing more written."""
    if (descriptor := connection.detach()) >= 0:
        os.close(descriptor)


class Processes:
    """Starts processes and says which one takes the next database; safe to use from several threads.

    `module` is what each of them runs.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._lock = threading.Lock()
        self._running: list[Process] = []

    def take(self) -> Process:
        """A process with nothing to do, else a new one, else the next in turn."""
        with self._lock:
            self._running = [process for process in self._running if process.alive]
            for process in self._running:
                if not process.busy:
                    return process
            if len(self._running) < MAX_PROCESSES:
                self._running.insert(0, Process(self._module))
            self._running.append(self._running.pop(0))
            return self._running[-1]

    def running(self) -> list[Process]:
        """The living ones."""
        return [process for process in self._running if process.alive]

    def disown(self) -> None:
        """In a forked child: begin anew."""
        for process in self._running:
            process.disown()
        self._running = []
        self._lock = threading.Lock()


PROCESSES = Processes(f"{__package__}.server")
"""Those of this program: environments built with different options share them."""
os.register_at_fork(after_in_child=PROCESSES.disown)
