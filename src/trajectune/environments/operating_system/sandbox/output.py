"""What comes out of a box, read piece by piece until a mark.

The idea: the beginning of an output is kept, the rest is only counted and looked through, so that an
endless output costs no memory. Two marks end it: the command's own, printed by the shell, and the
supervisor's, printed when the shell has ended.

Invariant: bytes behind a mark are the beginning of the next output; none is lost and none is read twice.
"""

from __future__ import annotations

import os
import re
import select
from dataclasses import dataclass, field
from typing import Literal

KEPT = 65_536
"""Bytes of an output that are kept."""
_WINDOW = 128
"""Bytes in which a mark and the status behind it surely fit."""
_PIECE = 65_536

Event = Literal["more", "ended", "died", "closed", "late"]


@dataclass(slots=True)
class Outlet:
    """The end of a pipe, and what was read of it beyond the last mark."""

    descriptor: int
    left: bytes = b""

    def wait(self, seconds: float) -> bool:
        """Whether there is something to read within so many seconds."""
        if self.left:
            return True
        waiting = select.poll()
        waiting.register(self.descriptor, select.POLLIN)
        return bool(waiting.poll(max(0.0, seconds) * 1000))

    def read(self) -> bytes:
        """What there is; nothing at the end of the pipe."""
        left, self.left = self.left, b""
        if left:
            return left
        try:
            return os.read(self.descriptor, _PIECE)
        except BlockingIOError:
            return b""


@dataclass(slots=True)
class Printed:
    """One command's output so far."""

    outlet: Outlet
    mark: bytes
    """Ends it, when followed by digits and a line feed."""
    death: bytes
    """The same, of the supervisor."""
    data: bytearray = field(default_factory=bytearray)
    size: int = 0
    status: int | None = None
    _tail: bytes = b""
    _marks: re.Pattern[bytes] = field(init=False)

    def __post_init__(self) -> None:
        self._marks = re.compile(b"(%b|%b)([0-9]{1,3})\n" % (re.escape(self.mark), re.escape(self.death)))

    def advance(self, seconds: float) -> Event:
        """Read one piece, waiting so long for it."""
        if not self.outlet.wait(seconds):
            return "late"
        piece = self.outlet.read()
        if not piece:
            return "closed"
        self.size += len(piece)
        self._tail += piece
        found = self._marks.search(self._tail)
        if found is not None:
            self.status, self.outlet.left = int(found[2]), self._tail[found.end() :]
            self._keep(found.start())
            return "ended" if found[1] == self.mark else "died"
        self._keep(len(self._tail) - _WINDOW)
        return "more"

    def finish(self) -> bytes:
        """All that is kept of it, when no mark came."""
        self._keep(len(self._tail))
        return bytes(self.data)

    def _keep(self, count: int) -> None:
        """Take so many bytes from the tail; what goes beyond `KEPT` is dropped."""
        if count > 0:
            self.data += self._tail[: min(count, KEPT - len(self.data))]
            self._tail = self._tail[count:]
