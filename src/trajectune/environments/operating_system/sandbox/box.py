"""A box: one sandboxed machine with a shell that lives as long as an episode.

The idea: bubblewrap builds the machine (`inside/`), commands go to its shell through a pipe (`shell`), and
this side reads what comes back (`output`) until the command's mark, the time limit or the output limit.
What a command has started is killed when a limit is reached; if the shell itself does not answer then, it
is killed too and a new one takes over. A box that breaks the memory limit, or whose supervisor dies, is
gone.

Invariants: `run` answers within the time limit plus three times `GRACE`, whatever the command does; nothing
of a box lives on after `close`, nor after the end of this program.
"""

from __future__ import annotations

import os
import secrets
import select
import threading
import time
import weakref
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Literal

from trajectune.environments.operating_system.sandbox import killing, processes
from trajectune.environments.operating_system.sandbox.identity import Identity, draw
from trajectune.environments.operating_system.sandbox.keeping import KEEPER
from trajectune.environments.operating_system.sandbox.limits import MEGABYTE, Limits
from trajectune.environments.operating_system.sandbox.output import Outlet, Printed
from trajectune.environments.operating_system.sandbox.shell import Line
from trajectune.environments.operating_system.sandbox.watch import WATCH
from trajectune.errors import EpisodeError

GRACE = 0.5
"""Seconds in which a shell must answer after what it waited for was killed."""
START = 60.0
"""Seconds in which a box must start before this counts as broken infrastructure."""

Stopped = Literal["", "time", "output"]


@dataclass(frozen=True, slots=True)
class Output:
    """What one command gave."""

    data: bytes
    """The beginning of what was printed, standard output and error as they came."""
    status: int | None
    """Its exit status; `None` where it did not come to an end."""
    stopped: Stopped = ""
    """Which limit ended it."""
    new_shell: bool = False
    """Whether the shell ended and another took its place."""
    gone: str = ""
    """Why the box is gone, where it is."""


class Box:
    """One machine. `Box(program, Limits())`; `program` is bubblewrap's path.

    Raises `EpisodeError` where it does not start.
    """

    def __init__(self, program: str, limits: Limits) -> None:
        self.limits = limits
        self.identity: Identity = draw()
        self.gone = ""
        self._closing = threading.Lock()
        self._death = f"\n{secrets.token_hex(16)}:".encode()
        input_in, self._input = os.pipe()
        output_out, output_in = os.pipe()
        errors_out, errors_in = os.pipe()
        self._outlet = Outlet(output_out)
        request = {"program": program, "identity": asdict(self.identity), **limits.request()}
        try:
            self.process, handle = KEEPER.start(request, [input_in, output_in, errors_in])
        except EpisodeError:
            _close(self._input, output_out, errors_out)
            raise
        finally:
            _close(input_in, output_in, errors_in)
        self._end = weakref.finalize(self, _end, handle, self._input, output_out)
        self._handle = handle
        self._greet(errors_out)
        WATCH.add(self)

    def run(self, script: str, seconds: float | None = None) -> Output:
        """Run a script in the shell; see `shell.unfit` for what may not be sent."""
        if self.gone:
            return self._lost(b"")
        line, seconds = Line.of(script), seconds or self.limits.seconds
        before = frozenset(processes.descendants(self.process))  # the shell, and earlier background jobs
        if not self._send(line.sent, seconds):
            return self._lost(b"")
        return self._read(line.mark, seconds, before)

    def renew(self) -> None:
        """End the shell and all that descends from it, so that the next command meets a fresh one."""
        if not self.gone and (shell := self._shell()):
            killing.kill([*processes.descendants(shell), shell], self._namespace)
            self._read(self._death, GRACE)

    def check_memory(self) -> None:
        """Kill the box when its processes hold more memory than they may."""
        held = sum(processes.memory(number) for number in processes.descendants(self.process))
        with self._closing:  # a closed handle may stand for something else by now
            if held > self.limits.memory * MEGABYTE and not self.gone:
                self.gone = f"it used more than {self.limits.memory} MB of memory"
                killing.kill_by_handle(self._handle)  # whoever reads from it sees the end, and closes it

    def close(self) -> None:
        """End everything in the box. Calling it again does nothing."""
        with self._closing:
            self.gone = self.gone or "it was closed"
            self._end()
        WATCH.remove(self)

    @property
    def supervisor(self) -> int:
        """The process outside that is the supervisor inside; 0 where there is none any more."""
        first = processes.children(self.process)
        return self._supervisor if first and self._supervisor in processes.children(first[0]) else 0

    def _greet(self, errors: int) -> None:
        """Tell the supervisor its word, and wait until a shell answers."""
        os.set_blocking(self._input, False)
        os.set_blocking(self._outlet.descriptor, False)
        os.set_blocking(errors, False)
        self._supervisor, self._namespace = 0, ""
        line = Line.of("")
        with suppress(OSError):
            os.write(self._input, self._death[1:-1] + b"\n" + line.sent)
        status = self._read(line.mark, START).status
        first = processes.children(self.process)
        self._supervisor = next(iter(processes.children(first[0])), 0) if first else 0
        self._namespace = processes.namespace(self._supervisor)
        with os.fdopen(errors, "rb", 0) as said:
            if status != 0 or not self._supervisor:
                self.close()
                words = (said.read() or b"").decode("utf-8", "replace").strip()
                raise EpisodeError("A box did not start.", where=words or f"exit status {status}")

    def _send(self, data: bytes, seconds: float) -> bool:
        """Whether the shell took it in that time; a pipe holds 64 kilobytes of it."""
        ready = select.poll()
        ready.register(self._input, select.POLLOUT)
        deadline = time.monotonic() + seconds
        while data:
            if not ready.poll(max(0.0, deadline - time.monotonic()) * 1000):
                return False
            try:
                data = data[os.write(self._input, data) :]
            except OSError:  # nobody reads any more
                return False
        return True

    def _read(self, mark: bytes, seconds: float, before: frozenset[int] = frozenset()) -> Output:
        """Read to the mark; at a limit kill what was not there before, then the shell, then the box."""
        printed = Printed(self._outlet, mark, self._death)
        deadline = time.monotonic() + seconds
        stopped: Stopped = ""
        means = [self._end_shell, lambda: killing.stop(self.process, self._namespace, before)]
        while True:
            event = printed.advance(deadline - time.monotonic())
            if event in ("ended", "died"):
                data = bytes(printed.data)
                return Output(data, printed.status, stopped, event == "died", self.gone)
            too_much = not stopped and printed.size > self.limits.output * MEGABYTE
            if event == "closed" or (event == "late" and not means):
                return self._lost(printed.finish(), stopped)
            if too_much or event == "late" or time.monotonic() > deadline:
                stopped = stopped or ("output" if too_much else "time")
                if means:
                    means.pop()()
                deadline = time.monotonic() + GRACE

    def _lost(self, data: bytes, stopped: Stopped = "") -> Output:
        """The box has ended, or is ended now because it does not answer."""
        self.gone = self.gone or "it did not answer any more"
        self.close()
        return Output(data, None, stopped, gone=self.gone)

    def _shell(self) -> int:
        """The shell's process; 0 where there is none."""
        supervisor = self.supervisor
        return next(iter(processes.children(supervisor)), 0) if supervisor else 0

    def _end_shell(self) -> None:
        """Kill the shell; with what it was sent and has not read, the box too."""
        if shell := self._shell():
            killing.kill([*processes.descendants(shell), shell], self._namespace)
        if killing.unread(self._input):
            self.gone = "its shell stopped answering"
            killing.kill_by_handle(self._handle)


def _end(handle: int, *descriptors: int) -> None:
    killing.kill_by_handle(handle)
    _close(handle, *descriptors)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
