"""A process of the cluster: it plays jobs with the very code of one machine, and hands over what has ended.

The idea: the driver calls `turn` again and again. Each call brings jobs and takes away the trajectories
that are finished by then, while the threads play on. So a node that dies takes little with it, and no lane
of a decoder is empty while the driver writes.

Invariant: every job that was brought ends in one trajectory, in some turn, unless an error ends the work of
the process; an error that a user must mend names the node.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from queue import Empty

from trajectune.agents.contract import Agent
from trajectune.errors import TrajectuneError, UnavailableError
from trajectune.rollout.cluster.part import Part
from trajectune.rollout.feed import Feed
from trajectune.rollout.jobs import Job
from trajectune.rollout.workers import Workers
from trajectune.trajectory import Trajectory

TURN_SECONDS = 0.5
"""A turn ends after this long, whatever is still being played."""
LEAVE_SECONDS = 5.0
"""Time for open episodes to come to the end of their step when the work is stopped."""


@dataclass(frozen=True, slots=True)
class Ready:
    """How a process wants to be driven; see `Agent`."""

    agent: str
    batch_size: int
    workers: int


@dataclass(slots=True)
class Turn:
    """What a process hands over."""

    trajectories: list[Trajectory] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)
    """What the agent or the environment warned of in the meantime."""
    error: TrajectuneError | None = None
    """What only a user can mend."""


class Player:
    """Runs in a process of its own on a node. Its methods are called one after the other."""

    def __init__(self, part: Part) -> None:
        self._part = part
        self._feed = Feed(closed=False)
        self._agent: Agent | None = None
        self._workers: Workers | None = None
        self._notices = _Notices()

    def prepare(self) -> Ready | TrajectuneError:
        """Build the environment and the agent. Gives what a user must mend, where something is missing."""
        logging.getLogger("trajectune").addHandler(self._notices)
        try:
            self._agent, rules = self._part.build()
        except TrajectuneError as error:
            return _on_this_node(error)
        except ModuleNotFoundError as error:
            missing = f"the package {error.name!r} is not installed"
            return _on_this_node(UnavailableError(missing, remedy="install the same extras on every node"))
        self._workers = Workers(self._agent, rules, self._feed, self._part.tries)
        self._workers.start()
        return Ready(self._agent.name, self._agent.batch_size, self._agent.workers)

    def turn(self, jobs: Sequence[Job]) -> Turn:
        """Take more jobs, and give what has ended; comes back when more jobs would be welcome."""
        self._feed.add(jobs)
        turn = Turn()
        deadline = time.monotonic() + TURN_SECONDS
        while not turn.error and not (turn.trajectories and not self._feed):
            if not self._take(turn, deadline - time.monotonic()):
                break
        while not turn.error and self._take(turn, 0.0):
            pass
        turn.notices = self._notices.told()
        return turn

    def leave(self) -> Turn:
        """Stop, close what is open, and give what was finished."""
        turn = Turn()
        if self._workers is not None:
            self._workers.stop(LEAVE_SECONDS)
            turn.trajectories = list(self._workers.leftovers())
        if self._agent is not None:
            self._agent.close()
        return turn

    def _take(self, turn: Turn, seconds: float) -> bool:
        """Wait for the next thing to hand over; False where none comes."""
        assert self._workers is not None
        try:
            item = self._workers.results.get(block=seconds > 0, timeout=max(seconds, 0.001))
        except Empty:
            return False
        if isinstance(item, TrajectuneError):
            turn.error = _on_this_node(item)
        elif isinstance(item, BaseException):
            raise item
        elif item is not None:
            turn.trajectories.append(item)
        return item is not None


class _Notices(logging.Handler):
    """Keeps warnings until the next turn takes them along."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(record.getMessage())

    def told(self) -> list[str]:
        """What was said since the last call; the last hundred lines of it."""
        lines, self._lines = self._lines[-100:], []
        return lines


def _on_this_node(error: TrajectuneError) -> TrajectuneError:
    where = ", ".join(filter(None, [error.where, f"the node {socket.gethostname()}"]))
    return type(error)(error.what, where=where, remedy=error.remedy)
