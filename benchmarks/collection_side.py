"""A round of `collection.py`: trajectories are collected from an instant teacher, in a process of its own.

The idea: a rollout's time is the environment's, the teacher's, and what is left: the overhead of collecting
(dialects, checks of calls, records, the file). Environment and teacher are wrapped and timed at each call.
The `expert` gives its moves; the teacher `replies` says them as a model would, in the words of AgentBench,
so that they are read back; both play the same episodes.
"""

from __future__ import annotations

import itertools
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from harness.child import serve
from trajectune.agents.contract import Agent, AgentReply, Conversation
from trajectune.agents.expert import ExpertAgent
from trajectune.dialects.contract import Dialect, step_key
from trajectune.dialects.registry import get_dialect
from trajectune.environments.registry import load_environment
from trajectune.rollout.rollout import rollout
from trajectune.storage import read_records
from trajectune.trajectory import Trajectory

WARM = 3
"""Episodes played before the clock starts."""
_EPISODE = frozenset({"step", "steps", "reply", "close"})
_ENVIRONMENT = frozenset({"open", "instruction", "tools_of", "demonstration"})


class Watch:
    """Seconds that were spent inside of something, by the clock and of the processor."""

    def __init__(self) -> None:
        self.seconds = self.processor = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        start, processor = time.perf_counter(), time.thread_time()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - start
            self.processor += time.thread_time() - processor


class Timed:
    """An environment or an open episode whose methods are timed."""

    def __init__(self, inside: Any, names: frozenset[str], watch: Watch) -> None:
        self._inside, self._names, self._watch = inside, names, watch

    def __getattr__(self, name: str) -> Any:
        with self._watch.running():  # an observation is a property
            found = getattr(self._inside, name)
        return self._timed(found) if name in self._names else found

    def _timed(self, method: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            with self._watch.running():
                found = method(*arguments, **options)
            return Timed(found, _EPISODE, self._watch) if method.__name__ == "open" else found

        return call


class TimedAgent(Agent):
    """A teacher whose replies are timed."""

    def __init__(self, inside: Agent, watch: Watch) -> None:
        self._inside, self._watch = inside, watch
        self.name = inside.name

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        with self._watch.running():
            return self._inside.reply(conversations)

    def forget(self, conversation_id: str) -> None:
        with self._watch.running():
            self._inside.forget(conversation_id)


class Replies(Agent):
    """Says what was said in each task before."""

    name = "replies"

    def __init__(self, said: dict[str, list[str]]) -> None:
        self._said = said
        self._next: defaultdict[str, Iterator[int]] = defaultdict(itertools.count)

    def reply(self, conversations: Sequence[Conversation]) -> list[AgentReply]:
        return [AgentReply(self._said[each.task.id][next(self._next[each.id])]) for each in conversations]


def main() -> None:
    serve({"collect": _collect})


def _collect(asked: dict[str, Any]) -> dict[str, Any]:
    return {"rates": measured(asked["environment"], asked["episodes"], asked["teacher"])}


def measured(environment: str, episodes: int, teacher: str) -> dict[str, float]:
    """Steps per second: of all that collecting takes, and of its overhead alone.

    The overhead is also given in seconds of the processor, which other processes leave as they are.
    """
    loaded = load_environment(environment, {"train": WARM + episodes})
    tasks = loaded.tasks("train")[: WARM + episodes]
    dialect = get_dialect("agentbench", loaded.name, loaded.dialects)
    with tempfile.TemporaryDirectory() as folder:
        agent: Agent = ExpertAgent(loaded)
        first, warm, path = (Path(folder) / f"{name}.jsonl" for name in ("first", "warm", "timed"))
        if teacher == "replies":
            rollout(loaded, tasks, agent, dialect, first)
            agent = Replies({row.task: said(row, dialect) for row in played(first)})
        rollout(loaded, tasks[:WARM], agent, dialect, warm)
        inside = Watch()
        timed: Any = Timed(loaded, _ENVIRONMENT, inside)
        start, processor = time.perf_counter(), time.process_time()
        rollout(timed, tasks[WARM:], TimedAgent(agent, inside), dialect, path)
        seconds, processor = time.perf_counter() - start, time.process_time() - processor
        steps = sum(len(row.steps) for row in played(path))
    return {
        "steps": steps / seconds,
        "steps of overhead": steps / (seconds - inside.seconds),
        "steps of overhead, processor": steps / (processor - inside.processor),
    }


def played(path: Path) -> list[Trajectory]:
    """The trajectories of a rollout. Raises `RuntimeError` where an episode broke."""
    rows = list(read_records(path, Trajectory))
    if broken := [row.error for row in rows if row.reward is None]:
        raise RuntimeError(broken[0])
    return rows


def said(row: Trajectory, dialect: Dialect) -> list[str]:
    """The agent's turns of a trajectory, in a dialect."""
    turns = [
        message
        for number, step in enumerate(row.steps)
        for message in dialect.speak(step, step_key(row.task, number))
    ]
    return [message.content for message in turns if message.role == "assistant"]


if __name__ == "__main__":
    main()
