"""Rollouts: many episodes at once, each written down the moment it ends.

The idea: worker threads run episodes, the calling thread alone writes the file, and the file is the only
state: whatever kills the process, the same call goes on with the episodes that are not in it.

Invariants: an episode's seed and id follow from the rollout's seed, the task and the attempt; an id is
in the file at most once. A failure of the infrastructure is tried again up to `tries` times, then recorded
without a reward, and a later call runs that episode anew. Errors that a user must mend stop the
rollout; so do many failures in a row, and a budget that is spent.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol

from trajectune.agents.contract import Agent
from trajectune.dialects.contract import Dialect
from trajectune.environments.contract import Environment, Task
from trajectune.errors import AgentError, EpisodeError, TrajectuneError
from trajectune.progress import OnProgress, Progress, silent
from trajectune.rollout.feed import Feed
from trajectune.rollout.finished import finished
from trajectune.rollout.jobs import Job, Rules
from trajectune.rollout.spending import Spending
from trajectune.rollout.workers import Workers
from trajectune.storage import JsonlWriter
from trajectune.trajectory import Outcome, Trajectory, Usage

MAX_ERRORS_IN_A_ROW = 20
"""So many recorded infrastructure failures without a success between them stop the rollout."""


class Crew(Protocol):
    """Who plays the jobs of a rollout: the threads of this process (`Workers`), or a cluster."""

    results: SimpleQueue[Trajectory | BaseException | None]
    """Trajectories as they end, then `None`; an exception ends the rollout."""

    def start(self) -> None:
        """Begin. Returns at once."""
        ...

    def stop(self) -> None:
        """Stop before the end; takes some seconds at most."""
        ...

    def leftovers(self) -> Iterator[Trajectory]:
        """Trajectories that were finished and not yet fetched; after `stop`."""
        ...


@dataclass(slots=True)
class RolloutResult:
    """What a rollout did."""

    path: Path
    episodes: int
    """Episodes asked for."""
    resumed: int
    """Of these, already in the file."""
    played: int = 0
    """Of these, played now (infrastructure errors included)."""
    successes: int = 0
    """Of those played now, with a reward at or above the threshold."""
    errors: int = 0
    """Of those played now, recorded as infrastructure errors."""
    threshold: float = 1.0
    """Least reward that is a success."""
    usage: Usage = field(default_factory=Usage)
    """What the agent spent now."""

    def count(self, trajectory: Trajectory) -> None:
        """Count one more played episode."""
        self.played += 1
        self.usage += trajectory.usage
        if trajectory.reward is None:
            self.errors += 1
        elif trajectory.reward >= self.threshold:
            self.successes += 1

    def progress(self, what: str) -> Progress:
        """How far it is, and how well it went."""
        judged = self.played - self.errors
        notes = [f"{self.successes / judged:.0%} solved"] if judged else []
        notes += [f"{self.errors} errors"] if self.errors else []
        return Progress(what, self.resumed + self.played, self.episodes, ", ".join(notes))


def rollout(
    environment: Environment,
    tasks: Sequence[Task],
    agent: Agent,
    dialect: Dialect,
    path: Path,
    *,
    attempts: int = 1,
    seed: int = 0,
    max_steps: int | None = None,
    source: str = "",
    bad_format_limit: int = 1,
    repetition_limit: int | None = None,
    history_limit: int | None = None,
    tries: int = 3,
    threshold: float | None = None,
    spending: Spending | None = None,
    on_progress: OnProgress = silent,
) -> RolloutResult:
    """Run `attempts` episodes of each task and append their trajectories to the JSONL file `path`.

    `source` is what trajectory ids begin with (the environment's name if empty); it tells two entries of
    one environment apart. `bad_format_limit` replies in a row that give the environment nothing to do end
    an episode (AgentBench: 1), and so do `repetition_limit` repetitions in a row (the same call with the
    same answer; None: never); `history_limit` is how many segments of the conversation the agent is shown
    (`trajectune.history`; None: all); `max_steps` replaces the environment's own limit; `tries` bounds how
    often an episode is run when the infrastructure fails; `threshold` replaces the environment's own in
    what is counted as solved (it changes no file); `spending` is told of every reply, and ends the rollout
    with `BudgetError` where its budget is reached and episodes are left. Raises what a user must mend
    (`TrajectuneError`); after Ctrl-C, `KeyboardInterrupt` goes on upwards when everything finished is on
    disk.
    """
    source = source or environment.name
    steps = max_steps or environment.max_steps
    rules = Rules(
        environment,
        dialect,
        agent.name,
        agent.template,
        steps,
        bad_format_limit,
        repetition_limit,
        history_limit,
        source,
    )
    return gather(
        jobs_of(source, tasks, attempts, seed),
        lambda todo: Workers(agent, rules, Feed(todo), tries, spending),
        path,
        what=environment.name,
        threshold=environment.reward_threshold if threshold is None else threshold,
        spending=spending,
        on_progress=on_progress,
    )


def episode_seed(seed: int, task: str, attempt: int) -> int:
    """The seed of an episode, in [0, 2³¹): the same on every machine, unlike for unlike inputs."""
    digest = hashlib.sha256(f"{seed}\n{task}\n{attempt}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1


def jobs_of(source: str, tasks: Sequence[Task], attempts: int, seed: int) -> dict[str, Job]:
    """Every task once, then every task again: a rollout cut short has seen as many tasks as it can."""
    jobs = {}
    for attempt in range(attempts):
        for task in tasks:
            number = episode_seed(seed, task.id, attempt)
            job = Job(f"{source}/{task.id}/{number}", task, number, attempt)
            jobs[job.id] = job
    return jobs


def gather(
    jobs: Mapping[str, Job],
    crew_of: Callable[[Sequence[Job]], Crew],
    path: Path,
    *,
    what: str,
    threshold: float,
    spending: Spending | None = None,
    on_progress: OnProgress,
) -> RolloutResult:
    """Let a crew play the jobs that are not finished in `path`, and append what it plays; see `rollout`.

    The crew tells `spending` what its agent spends, and stops by itself where the budget is reached.
    """
    done = finished(path)
    todo = [job for job in jobs.values() if job.id not in done]
    result = RolloutResult(path, episodes=len(jobs), resumed=len(jobs) - len(todo), threshold=threshold)
    if todo and not (spending and spending.reached):
        crew = crew_of(todo)
        with JsonlWriter(path) as writer:
            _write(crew, writer, result, lambda: on_progress(result.progress(what)))
    left = len(todo) - result.played
    if left and spending and spending.reached:
        raise spending.error(left, str(path))
    return result


def _write(crew: Crew, writer: JsonlWriter, result: RolloutResult, tell: Callable[[], None]) -> None:
    """Write down what the crew plays until it is through; in the calling thread."""
    in_a_row = 0
    crew.start()
    try:
        while (item := crew.results.get()) is not None:
            if isinstance(item, BaseException):
                raise item
            writer.write(item)
            result.count(item)
            tell()
            in_a_row = in_a_row + 1 if item.reward is None else 0
            if in_a_row >= MAX_ERRORS_IN_A_ROW:
                raise _hopeless(item, in_a_row)
    except BaseException:
        _rescue(crew, writer, result)
        raise


def _rescue(crew: Crew, writer: JsonlWriter, result: RolloutResult) -> None:
    """Stop the crew and write down what it had finished."""
    crew.stop()
    for trajectory in crew.leftovers():
        writer.write(trajectory)
        result.count(trajectory)


def _hopeless(last: Trajectory, count: int) -> TrajectuneError:
    kind = AgentError if last.outcome is Outcome.AGENT_ERROR else EpisodeError
    return kind(
        f"the last {count} episodes all failed in the infrastructure; the last one said: {last.error}",
        where=last.id,
        remedy="mend the cause and give the same command again: finished episodes are kept",
    )
