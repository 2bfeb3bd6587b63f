"""The driver of a rollout on a cluster: gives jobs to processes on its nodes, and collects what they play.

The idea: a thread of its own asks every process for one turn after the other; who writes the file sees
the same queue as with threads (`trajectune.rollout.rollout.Crew`). Nodes are looked for again and again:
one that joins gets processes, and what one owed that died is played by the others.

Invariants: every job ends in exactly one trajectory; a job whose processes died `tries` times is recorded
as broken and run anew by a later call; no process outlives the crew.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue
from typing import Any

from trajectune.environments.contract import Environment
from trajectune.errors import UnavailableError
from trajectune.rollout.cluster.member import Member, why_dead
from trajectune.rollout.cluster.part import Part
from trajectune.rollout.cluster.player import LEAVE_SECONDS
from trajectune.rollout.cluster.seats import Seat, seats
from trajectune.rollout.jobs import Job, broken
from trajectune.trajectory import Outcome, Trajectory, Usage

LOOK_SECONDS = 2.0
"""Time between two looks at which nodes there are."""
PATIENCE_SECONDS = 30.0
"""A cluster that has had no free core for this long is told of."""
MOST_STARTS = 3
"""Processes that die at one seat before they are ready, until that is an error."""


class ClusterCrew:
    """Plays jobs on the cluster that this process is connected to. Results as those of `Workers`."""

    def __init__(
        self,
        part: Part,
        environment: Environment,
        jobs: Sequence[Job],
        say: Callable[[str], None],
        is_last: Callable[[Trajectory], bool] = lambda _: False,
    ) -> None:
        """`say` is told of nodes that die, and of what the nodes warn of; from another thread.

        `is_last` is asked of every trajectory, and ends the work where it says so.
        """
        self.results: SimpleQueue[Trajectory | BaseException | None] = SimpleQueue()
        self._part, self._environment, self._say, self._is_last = part, environment, say, is_last
        self._jobs = deque(jobs)
        self._members: dict[Seat, Member] = {}
        self._starts: dict[Seat, int] = {}
        self._stopping = threading.Event()
        self._looked = self._began = time.monotonic() - LOOK_SECONDS
        self._told_of_waiting = False
        self._thread = threading.Thread(target=self._run, name="rollout-cluster", daemon=True)

    def start(self) -> None:
        """Begin; see `Crew`."""
        self._thread.start()

    def stop(self, seconds: float = 4 * LEAVE_SECONDS) -> None:
        """Let the processes hand over what is finished, and end them."""
        self._stopping.set()
        self._thread.join(seconds)

    def leftovers(self) -> Iterator[Trajectory]:
        """What was handed over last; after `stop`."""
        while not self.results.empty():
            item = self.results.get()
            if isinstance(item, Trajectory):
                yield item

    def _run(self) -> None:
        try:
            while self._in_work() and not self._stopping.is_set():
                self._look()
                self._hand_out()
                self._hear(LOOK_SECONDS / 4)
        except BaseException as error:
            self.results.put(error)
        finally:
            self._end()
            self.results.put(None)

    def _in_work(self) -> bool:
        return bool(self._jobs) or any(member.owed for member in self._members.values())

    def _look(self) -> None:
        """Start processes at seats that have none; at most every so often."""
        import ray

        now = time.monotonic()
        if now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        places = seats(ray.nodes(), self._part)
        if not places and not self._members:
            raise UnavailableError(
                "the cluster has no node with a core",
                remedy="start nodes with `ray start --address=… --num-cpus=N`",
            )
        for seat in places if self._told_of_waiting else places[: len(self._jobs)]:
            if seat not in self._members:
                self._members[seat] = Member(seat, self._part)
        self._complain(now)

    def _complain(self, now: float) -> None:
        working = any(member.ready for member in self._members.values())
        if not working and not self._told_of_waiting and now - self._began > PATIENCE_SECONDS:
            self._told_of_waiting = True
            self._say(
                f"no process on the cluster is ready after {now - self._began:.0f} s; are its cores in use?"
            )

    def _hand_out(self) -> None:
        """Ask those that are idle for a turn, with as many jobs as they have room for and others leave."""
        for member in self._members.values():
            if member.idle:
                room = min(member.room(), self._share(member))
                jobs = [self._jobs.popleft() for _ in range(min(room, len(self._jobs)))]
                if jobs or member.owed:
                    member.play(jobs)

    def _share(self, member: Member) -> int:
        """Jobs that a process may be given, so that all end together and no server is asked by too many."""
        assert member.ready is not None
        count = sum(each.ready is not None for each in self._members.values())
        fair = max(member.ready.batch_size, -(-len(self._jobs) // count))
        if member.ready.workers > 1:
            fair = min(fair, -(-member.ready.workers // len(self._members)) - len(member.owed))
        return max(0, fair)

    def _hear(self, seconds: float) -> None:
        """Wait for an answer, and take it."""
        import ray
        from ray.exceptions import RayError, RayTaskError

        asked = {member.answer: member for member in self._members.values() if member.answer is not None}
        if not asked:
            self._stopping.wait(seconds)
            return
        for answer in ray.wait(list(asked), num_returns=1, timeout=seconds)[0]:
            try:
                self._take(asked[answer], answer)
            except RayTaskError:  # a defect of ours or of a plug-in, with its traceback
                raise
            except RayError as error:
                self._lost(asked[answer], error)

    def _take(self, member: Member, answer: Any) -> None:
        turn = member.take(answer)
        self._starts.pop(member.seat, None)
        for trajectory in turn.trajectories:
            self.results.put(trajectory)
            if self._is_last(trajectory):
                self._stopping.set()
        for line in turn.notices:
            self._say(f"{member.seat.name}: {line}")
        if turn.error is not None:
            raise turn.error

    def _lost(self, member: Member, error: Exception) -> None:
        """A process died: what it owed is played again, by others or by its successor."""
        import ray

        member.kill()
        seat = member.seat
        del self._members[seat]
        self._starts[seat] = self._starts.get(seat, 0) + 1
        why = why_dead(error, seat)
        gave_up = self._starts[seat] >= MOST_STARTS and seat in seats(ray.nodes(), self._part)
        if gave_up or isinstance(why, UnavailableError):
            raise why
        if member.owed:
            self._say(f"a process on {seat.name} died; its {len(member.owed)} episodes are played again")
        for job in reversed(member.owed.values()):
            self._again(replace(job, tries=job.tries + 1))

    def _again(self, job: Job) -> None:
        if job.tries < self._part.tries:
            self._jobs.appendleft(job)
            return
        name = next((member.ready.agent for member in self._members.values() if member.ready), "unknown")
        rules = self._part.rules(self._environment, name)
        error = f"the process or the node that played it died {job.tries} times"
        self.results.put(broken(job, rules, Outcome.ENVIRONMENT_ERROR, error, Usage()))

    def _end(self) -> None:
        """Take what is finished, and end all processes."""
        import ray

        members = list(self._members.values())
        answers = {answer: member for member in members for answer in member.leave()}
        if answers:
            there = ray.wait(list(answers), num_returns=len(answers), timeout=2 * LEAVE_SECONDS)[0]
            for answer in there:
                with suppress(Exception):  # the process is dead, or says why the work ends anyway
                    self._take(answers[answer], answer)
        for member in members:
            member.kill()
