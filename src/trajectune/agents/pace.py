"""At most so many requests and tokens a minute, for all workers of an agent together.

The idea: every request takes a turn. Turns of requests are evenly spaced, so that no minute holds more than
its share. Tokens are known only afterwards: a turn books what a request took of late, and the difference is
settled when it is answered; what was overdrawn is waited for.

Invariants: turns are given in order, none before its time; over any time the booked tokens are those used.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

_MINUTE = 60.0
_RECENT = 0.1
"""Weight of the last answer in what the next request is expected to take."""


@dataclass(frozen=True, slots=True)
class Turn:
    """A request's turn."""

    wait: float
    """Seconds until it may be made."""
    booked: float
    """Tokens that it is expected to take."""


class Pace:
    """Gives turns; many threads may ask."""

    def __init__(
        self,
        requests: float | None = None,
        tokens: float | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`requests` and `tokens` are per minute, `None` for as many as one likes."""
        self._between = _MINUTE / requests if requests else 0.0
        self._token_seconds = _MINUTE / tokens if tokens else 0.0
        self._clock = clock
        self._lock = threading.Lock()
        self._next = self._paid = 0.0
        """When the next request may be made, and when the tokens booked so far are paid for."""
        self._expected = 0.0

    def turn(self) -> Turn:
        """Take the next turn, and book what it is expected to cost."""
        with self._lock:
            now = self._clock()
            start = max(now, self._next, self._paid)
            self._next = start + self._between
            self._paid = max(self._paid, now) + self._expected * self._token_seconds
            return Turn(start - now, self._expected)

    def settle(self, turn: Turn, tokens: int) -> None:
        """The turn's request is over, and took so many tokens (0: it failed)."""
        with self._lock:
            self._paid = max(self._paid, self._clock()) + (tokens - turn.booked) * self._token_seconds
            if tokens:
                weight = _RECENT if self._expected else 1.0
                self._expected += weight * (tokens - self._expected)
