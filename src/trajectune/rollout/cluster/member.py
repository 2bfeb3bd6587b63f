"""One process of the cluster as the driver sees it: what it is doing, and which jobs it owes.

Invariants: a process is asked one thing at a time; a trajectory counts only where its job is owed, so that
nothing comes twice; what a dead process owed is known.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from trajectune.errors import EpisodeError, TrajectuneError, UnavailableError
from trajectune.rollout.cluster.part import Part
from trajectune.rollout.cluster.player import Player, Ready, Turn
from trajectune.rollout.cluster.seats import Seat
from trajectune.rollout.jobs import Job

MOST = 256
"""Jobs that a process is given at most: so many episodes are played again when its node dies."""


class Member:
    """A process that is started, asked and in the end killed."""

    def __init__(self, seat: Seat, part: Part) -> None:
        """Begin to start the process; `answer` is the first thing to wait for."""
        import ray
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.seat = seat
        self.ready: Ready | None = None
        self.owed: dict[str, Job] = {}
        self._took = 0
        self._actor: Any = (
            ray.remote(Player)
            .options(
                num_cpus=seat.cpus,
                num_gpus=seat.gpus,
                max_restarts=0,
                scheduling_strategy=NodeAffinitySchedulingStrategy(seat.node, soft=False),
            )
            .remote(part)
        )
        self.answer: Any = self._actor.prepare.remote()

    @property
    def idle(self) -> bool:
        """Whether it may be asked for a turn."""
        return self.ready is not None and self.answer is None

    def room(self) -> int:
        """Jobs that it would like besides: it holds twice what its lanes hold, or its last turn ended."""
        if self.ready is None:
            return 0
        lanes = self.ready.batch_size * self.ready.workers
        return max(0, min(MOST, max(2 * lanes, 2 * self._took)) - len(self.owed))

    def play(self, jobs: Sequence[Job]) -> None:
        """Ask for a turn."""
        self.owed.update((job.id, job) for job in jobs)
        self.answer = self._actor.turn.remote(list(jobs))

    def take(self, answer: Any) -> Turn:
        """What an answer brought, without trajectories that are not owed.

        Raises Ray's `RayError` where the process is dead.
        """
        import ray

        said: Ready | Turn | TrajectuneError = ray.get(answer)
        self.answer = None
        if isinstance(said, TrajectuneError):
            return Turn(error=said)
        if isinstance(said, Ready):
            self.ready = said
            return Turn()
        owed = [each for each in said.trajectories if self.owed.pop(each.id, None) is not None]
        self._took = len(owed)
        return replace(said, trajectories=owed)

    def leave(self) -> list[Any]:
        """Ask it to stop and to hand over what is finished; gives the answers to wait for."""
        if self.ready is None:
            return []
        last = [] if self.answer is None else [self.answer]
        return [*last, self._actor.leave.remote()]

    def kill(self) -> None:
        """End the process, whatever it does."""
        import ray

        ray.kill(self._actor)


def why_dead(error: Exception, seat: Seat) -> TrajectuneError:
    """Why a process never came to work, for the user."""
    text = str(error)
    missing = re.search(r"No module named '([\w.]+)'", text)
    if missing:
        return UnavailableError(
            f"the package {missing[1]!r} is not installed on a node of the cluster",
            where=f"the node {seat.name}",
            remedy="install trajectune, with the extras of this environment, on every node",
        )
    return EpisodeError(
        f"processes on a node of the cluster end before they are ready: {_last_line(text)}",
        where=f"the node {seat.name}",
        remedy="look into Ray's log on that node (/tmp/ray/session_latest/logs); it may lack memory",
    )


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "no reason given")
