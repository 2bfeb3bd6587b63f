"""The jobs that wait to be played: taken by the threads of a rollout, added to by whoever has more.

Invariants: a job is taken by one thread; a thread that waits for a job wakes when one is added, and when
the feed is closed; what is in a closed feed can still be taken.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from trajectune.rollout.jobs import Job


class Feed:
    """A queue of jobs that many threads may use."""

    def __init__(self, jobs: Iterable[Job] = (), *, closed: bool = True) -> None:
        """`closed`: these are all; else more may be added until it is closed."""
        self._jobs = deque(jobs)
        self._closed = closed
        self._changed = threading.Condition()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def closed(self) -> bool:
        """Whether no job will be added."""
        return self._closed

    def take(self, *, wait: bool) -> Job | None:
        """The next job. `None` where there is none: now, or, with `wait`, ever."""
        with self._changed:
            while wait and not self._jobs and not self._closed:
                self._changed.wait()
            return self._jobs.popleft() if self._jobs else None

    def add(self, jobs: Iterable[Job]) -> None:
        """Jobs to be played after those that wait already."""
        with self._changed:
            self._jobs.extend(jobs)
            self._changed.notify_all()

    def put_back(self, job: Job) -> None:
        """A job to be played next."""
        with self._changed:
            self._jobs.appendleft(job)
            self._changed.notify()

    def close(self) -> None:
        """No more jobs will be added."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
