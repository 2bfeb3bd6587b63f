"""The threads of a rollout: each holds a batch of open episodes and steps them in lockstep.

The idea: an agent says how it likes to be driven. A decoder takes one large batch (one thread, many
lanes), an endpoint many single requests (many threads, one lane each); an episode that ends makes room
for the next at once.

Invariants: an episode is opened, stepped and closed by one thread; every job ends in `results` as
exactly one trajectory, unless the workers are stopped; an error that only a user can mend ends them all.
A budget that is reached stops them: an episode that the last replies did not end is no failure, and is run
anew by a later call.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from queue import SimpleQueue

from trajectune.agents.contract import Agent, AgentReply
from trajectune.errors import AgentError, EpisodeError, TrajectuneError
from trajectune.rollout.episode import EpisodeRun
from trajectune.rollout.feed import Feed
from trajectune.rollout.jobs import Job, Rules, broken
from trajectune.rollout.spending import Spending
from trajectune.trajectory import Outcome, Trajectory, Usage


class Workers:
    """The threads that run episodes. Results are trajectories, then `None`; an exception ends all."""

    def __init__(
        self, agent: Agent, rules: Rules, jobs: Feed, tries: int, spending: Spending | None = None
    ) -> None:
        self.rules = rules
        self.results: SimpleQueue[Trajectory | BaseException | None] = SimpleQueue()
        self._agent = agent
        self._jobs = jobs
        self._tries = tries
        self._spending = spending
        self._stopping = threading.Event()
        most = len(jobs) if jobs.closed else agent.workers
        self._running = max(1, min(agent.workers, most))
        self._lock = threading.Lock()
        self._threads = [
            threading.Thread(target=self._work, name=f"rollout-{number}", daemon=True)
            for number in range(self._running)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self, seconds: float = 10.0) -> None:
        """Ask all threads to stop after their present step, and wait `seconds` for them."""
        self._end()
        deadline = time.monotonic() + seconds
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def leftovers(self) -> Iterator[Trajectory]:
        """Trajectories that were finished and not yet fetched; after `stop`."""
        while not self.results.empty():
            item = self.results.get()
            if isinstance(item, Trajectory):
                yield item

    def _end(self) -> None:
        """No further step is made, and none that only waits is waited for."""
        self._stopping.set()
        self._jobs.close()
        self._agent.give_up()

    def _work(self) -> None:
        lanes: list[EpisodeRun] = []
        try:
            while not self._stopping.is_set() and (lanes := self._refill(lanes)):
                lanes = self._step(lanes)
        except BaseException as error:
            self.results.put(error)
        finally:
            for lane in lanes:
                self._leave(lane)
            with self._lock:
                self._running -= 1
                if self._running == 0:
                    self.results.put(None)

    def _refill(self, lanes: list[EpisodeRun]) -> list[EpisodeRun]:
        """Open episodes until the lanes are full or no job is left."""
        while len(lanes) < self._agent.batch_size and not self._stopping.is_set():
            job = self._jobs.take(wait=not lanes)
            if job is None:
                break
            try:
                lanes.append(EpisodeRun(job, self.rules))
            except Exception as error:
                self._failed(job, Outcome.ENVIRONMENT_ERROR, error)
        return lanes

    def _step(self, lanes: list[EpisodeRun]) -> list[EpisodeRun]:
        """One reply for each lane; gives the lanes that go on."""
        replies = self._ask(lanes)
        if self._spending is not None:
            self._account(replies, self._spending)
        return [lane for lane, reply in zip(lanes, replies, strict=True) if self._goes_on(lane, reply)]

    def _ask(self, lanes: list[EpisodeRun]) -> list[AgentReply]:
        try:
            return self._agent.reply([lane.conversation() for lane in lanes])
        except Exception as error:
            _raise_if_for_the_user(error)
            return [AgentReply("", finish="error", error=_words(error))] * len(lanes)

    def _account(self, replies: list[AgentReply], spending: Spending) -> None:
        """Write down what the replies took; a budget that is reached ends the work."""
        for reply in replies:
            answered = reply.move is None and reply.finish in ("stop", "length")
            spending.add(self.rules.source, reply.usage, answered=answered)
        if spending.reached:
            self._end()

    def _goes_on(self, lane: EpisodeRun, reply: AgentReply) -> bool:
        """Whether the episode needs another reply; what has ended is recorded."""
        if reply.finish == "error" and self._stopping.is_set():
            return True  # nobody waited for it: the episode is left as it is
        if reply.finish == "error":
            self._leave(lane)
            self._failed(lane.job, Outcome.AGENT_ERROR, AgentError(reply.error), lane.usage)
            return False
        try:
            trajectory = lane.take(reply)
        except Exception as error:
            self._leave(lane)
            self._failed(lane.job, Outcome.ENVIRONMENT_ERROR, error, lane.usage)
            return False
        if trajectory is None:
            return True
        self._leave(lane)
        self.results.put(trajectory)
        return False

    def _leave(self, lane: EpisodeRun) -> None:
        with suppress(Exception):  # an episode that cannot even be closed has nothing more to say
            lane.close()
        self._agent.forget(lane.conversation_id)

    def _failed(self, job: Job, outcome: Outcome, error: Exception, usage: Usage | None = None) -> None:
        """Put the job back in front, or record that it failed for good."""
        _raise_if_for_the_user(error)
        job = replace(job, tries=job.tries + 1)
        if job.tries < self._tries:
            self._jobs.put_back(job)
        else:
            self.results.put(broken(job, self.rules, outcome, _words(error), usage or Usage()))


def _raise_if_for_the_user(error: Exception) -> None:
    """Pass on what only the user can mend: it would fail in every episode alike."""
    if isinstance(error, TrajectuneError) and not isinstance(error, EpisodeError | AgentError):
        raise error


def _words(error: Exception) -> str:
    text = str(error) if isinstance(error, TrajectuneError) else f"{type(error).__name__}: {error}"
    return text[:2000]
