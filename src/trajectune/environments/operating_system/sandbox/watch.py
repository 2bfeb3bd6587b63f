"""The memory of all boxes, looked at ten times a second.

The idea: a limit on each process does not bound what many of them take together, and a control group is
not to be had everywhere. So one thread adds up what the processes of each box hold, also while nobody
waits for a command, and ends a box that holds too much. In between, the address space of each process,
their number and the file system are limited by the kernel; and should memory end first, the kernel kills
boxes first.

Invariant: the thread lives only while a box is open.
"""

from __future__ import annotations

import os
import threading
import weakref
from typing import Protocol

EVERY = 0.1


class Watched(Protocol):
    """What is watched."""

    def check_memory(self) -> None:
        """End itself where it holds too much."""


class Watch:
    """Looks after boxes; safe to use from several threads."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Begin anew; in a forked child there is neither the thread nor a box of its own."""
        self._lock = threading.Lock()
        self._boxes: weakref.WeakSet[Watched] = weakref.WeakSet()
        self._thread: threading.Thread | None = None

    def add(self, box: Watched) -> None:
        """Look after a box from now on."""
        with self._lock:
            self._boxes.add(box)
            if self._thread is None:
                self._thread = threading.Thread(target=self._look, name="box memory", daemon=True)
                self._thread.start()

    def remove(self, box: Watched) -> None:
        """Leave a box alone; one that is not watched is fine."""
        with self._lock:
            self._boxes.discard(box)

    def _look(self) -> None:
        pause = threading.Event()
        while self._round():
            pause.wait(EVERY)

    def _round(self) -> bool:
        """Look at every box once; whether there are any. Between rounds none is held on to."""
        with self._lock:
            boxes = list(self._boxes)
            if not boxes:
                self._thread = None
        for box in boxes:
            box.check_memory()
        return bool(boxes)


WATCH = Watch()
os.register_at_fork(after_in_child=WATCH.reset)
