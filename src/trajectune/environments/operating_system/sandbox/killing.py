"""Ending processes of a box from outside.

The idea: what a command has started is stopped first and killed then, so that a process that makes others
faster than they are killed is caught: stopped ones still count against the limit of processes.

Invariant: no process outside the box is ever sent a signal, whatever numbers come and go meanwhile.
"""

from __future__ import annotations

import array
import fcntl
import os
import signal
import termios
from collections.abc import Iterable, Set
from contextlib import suppress

from trajectune.environments.operating_system.sandbox import processes

ROUNDS = 20
"""Times that new processes are looked for."""


def kill(numbers: Iterable[int], namespace: str, how: signal.Signals = signal.SIGKILL) -> None:
    """Send a signal to each of them that still lives in this process namespace."""
    for number in numbers:
        with suppress(ProcessLookupError, PermissionError):
            handle = os.pidfd_open(number)
            try:
                # Looked at after the handle was had: so it is no other process that got the number since.
                if namespace and processes.namespace(number) == namespace:
                    signal.pidfd_send_signal(handle, how)
            finally:
                os.close(handle)


def kill_by_handle(handle: int) -> None:
    """Kill the process behind a pidfd; one that has ended is fine."""
    with suppress(ProcessLookupError, PermissionError, OSError):
        signal.pidfd_send_signal(handle, signal.SIGKILL)


def stop(box: int, namespace: str, spared: Set[int]) -> None:
    """Kill all processes of a box but those that are spared."""
    stopped: set[int] = set()
    for _ in range(ROUNDS):
        found = set(processes.descendants(box)) - spared
        if found <= stopped:
            break
        kill(found - stopped, namespace, signal.SIGSTOP)
        stopped |= found
    kill(stopped, namespace)


def unread(descriptor: int) -> int:
    """Bytes in a pipe that nobody has read yet."""
    waiting = array.array("i", [0])
    with suppress(OSError):
        fcntl.ioctl(descriptor, termios.FIONREAD, waiting)
    return waiting[0]
