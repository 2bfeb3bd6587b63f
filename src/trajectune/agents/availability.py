"""Whether an endpoint answers: known to all workers of an agent together, and told to the user once.

The idea: many threads ask one server. The first request is made alone, so that what is wrong with all of
them (a key, an address, a field that the server does not take) is learnt from one. What is refused for good
is refused for all; a server that stops answering is said once, with what is tried again and until when.

Invariants: after a refusal no further request is made; of an outage at most one notice a minute is given.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime, timedelta

from trajectune.errors import TrajectuneError

NOTICE_SECONDS = 60.0
"""A server that comes and goes is not told of more often than this."""


class Availability:
    """What the workers of one agent know of their server."""

    def __init__(self, server: str, on_notice: Callable[[str], None]) -> None:
        """`server` is what notices call it."""
        self._server = server
        self._say = on_notice
        self._first = threading.Lock()
        self._known = threading.Event()
        self._lock = threading.Lock()
        self._refusal: TrajectuneError | None = None
        self._down_since: float | None = None
        self._told = -NOTICE_SECONDS

    @contextmanager
    def request(self) -> Iterator[None]:
        """Around a request and all its tries; the first goes alone. Raises what refused an earlier one."""
        with self._first if not self._known.is_set() else nullcontext():
            alone = not self._known.is_set()
            self.check()
            if alone:
                try:
                    yield
                finally:
                    self._known.set()
                return
        # those who waited for the first go together: none holds the lock while it asks
        yield

    def refuse(self, error: TrajectuneError) -> TrajectuneError:
        """Nobody need ask any more; gives the error, to be raised."""
        with self._lock:
            self._refusal = self._refusal or error
        return error

    def check(self) -> None:
        """Raises what the server refused for good."""
        if self._refusal is not None:
            raise self._refusal

    def failed(self, what: str, tries: int, seconds: float) -> None:
        """A request failed and will be made again, `tries` times at most, for about `seconds`."""
        now = time.monotonic()
        with self._lock:
            if now - self._told < NOTICE_SECONDS:
                return
            self._told, self._down_since = now, self._down_since or now
        until = datetime.now() + timedelta(seconds=seconds)
        again = "once more" if tries == 1 else f"up to {tries} times more"
        self._say(f"{self._server}: {what}; tried {again}, until about {until:%H:%M:%S} ({seconds:.0f} s)")

    def answered(self) -> None:
        """A request was answered."""
        with self._lock:
            since, self._down_since = self._down_since, None
        if since is not None:
            self._say(f"{self._server}: answers again, after {time.monotonic() - since:.0f} s")
