"""Processes that run games, lent to one episode at a time and replaced before they grow.

The idea: starting a process costs seconds, so a finished episode gives its own back; the engine loses
a little memory with every game, so a process is ended after `GAMES_PER_WORKER`. Nothing is shared
between two episodes that are open at the same time.

Invariants: a process that dies, hangs or answers with an error raises `EpisodeError` and is never lent
again; at most `MAX_IDLE` wait unused; all end with this program, whatever ends it (their pipe closes).
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import weakref
from multiprocessing import Pipe
from typing import Any

from trajectune.environments.household.extra import require_extra
from trajectune.errors import EpisodeError

GAMES_PER_WORKER = 40
MAX_IDLE = 4
TIMEOUT = 120.0
"""Seconds that the engine may take for one request; a plan takes about three on a slow machine."""


class Worker:
    """One process; see `trajectune.environments.household.engine.worker` for what it says."""

    def __init__(self) -> None:
        require_extra()
        self._pipe, theirs = Pipe()
        self.games = 0
        with theirs:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "trajectune.environments.household.engine.worker",
                    str(theirs.fileno()),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        self._end = weakref.finalize(self, _end, self._process, self._pipe)

    def ask(self, do: str, **arguments: Any) -> dict[str, Any]:
        """One request and its answer. Raises `EpisodeError` when the engine fails; it is then ended."""
        self.games += do == "load"
        try:
            self._pipe.send_bytes(json.dumps({"do": do, **arguments}).encode())
            if not self._pipe.poll(TIMEOUT):
                raise TimeoutError(f"no answer within {TIMEOUT:.0f} s")
            answer = json.loads(self._pipe.recv_bytes())
            if "error" in answer:
                raise RuntimeError(answer["error"])
        except (OSError, EOFError, RuntimeError, ValueError) as error:
            self.end()
            reason = str(error) or f"its process ended ({self._process.returncode})"
            raise EpisodeError(
                f"The household engine failed: {reason}",
                where=f"request {do!r}",
                remedy="run the episode again",
            ) from error
        return answer

    @property
    def usable(self) -> bool:
        """Whether it may be lent once more."""
        return self._end.alive and self.games < GAMES_PER_WORKER and self._process.poll() is None

    def end(self) -> None:
        """End the process. Calling it again does nothing."""
        self._end()


def _end(process: subprocess.Popen[bytes], pipe: Any) -> None:
    pipe.close()
    process.kill()
    process.wait()


class Pool:
    """Lends workers; safe to use from several threads."""

    def __init__(self) -> None:
        self._idle: list[Worker] = []
        self._lock = threading.Lock()

    def take(self) -> Worker:
        """A worker for one episode: a rested one, or a new process."""
        with self._lock:
            while self._idle:
                worker = self._idle.pop()
                if worker.usable:
                    return worker
                worker.end()  # it died while it waited
        return Worker()

    def give(self, worker: Worker) -> None:
        """Back from an episode."""
        with self._lock:
            if worker.usable and len(self._idle) < MAX_IDLE:
                self._idle.append(worker)
                return
        worker.end()


POOL = Pool()
"""The one of this program: environments built with different options still share processes."""
