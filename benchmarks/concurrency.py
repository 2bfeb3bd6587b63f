"""Many episodes at once in one process, against a server that fails: what is lost, and what it costs.

    python benchmarks/concurrency.py --out benchmarks/results/concurrency-cpu.json

`episodes` guessing games, all open at the same time, each in a thread of its own; the server
(`flaky_server.py`) is another process. Said are seconds, replies per second and the process' memory. Where
the account is not whole (every episode once, every request that the server saw told by the agent) it fails.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar

from harness.machine import machine
from harness.results import dumps, write
from trajectune.agents.endpoint import EndpointAgent
from trajectune.dialects.registry import get_dialect
from trajectune.environments.contract import Environment, Episode, Split, StepResult, Task
from trajectune.rollout.rollout import rollout
from trajectune.rollout.spending import Spending, spent
from trajectune.storage import read_records
from trajectune.trajectory import Tool, ToolCall, Trajectory

NUMBER = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}


class GuessEpisode(Episode):
    def __init__(self, secret: int) -> None:
        self.secret = secret

    @property
    def observation(self) -> str:
        return "Guess my number."

    def step(self, call: ToolCall) -> StepResult:
        right = call.arguments["number"] == self.secret
        return StepResult("Right." if right else "higher", done=right, reward=float(right))

    def close(self) -> None:
        pass


class Guess(Environment):
    """Each task's secret is its number modulo 5: as many wrong guesses come first."""

    name: ClassVar[str] = "guess"
    tools: ClassVar[Sequence[Tool]] = (Tool(name="guess", description="Say a number.", parameters=NUMBER),)
    max_steps = 6

    def __init__(self, size: int) -> None:
        self.size = size

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(f"{split}-{n}", split, data={"n": n % 5}) for n in range(self.size)]

    def instruction(self, task: Task) -> str:
        del task
        return "You guess numbers."

    def open(self, task: Task, seed: int = 0) -> Episode:
        del seed
        return GuessEpisode(task.data["n"])


def main() -> None:
    options = _options()
    os.environ["NO_PROXY"] = "127.0.0.1"
    found = {str(count): measured(count) for count in options.episodes}
    for count, each in found.items():
        print(f"{count} episodes at once: {each['seconds']} s, {each['replies_per_second']} replies/s, "
              f"{each['memory_mb']} MB more, {each['server']}")  # fmt: skip
    report = machine() | {"concurrent_episodes": found}
    write(options.out, report) if options.out else print(dumps(found))


def measured(count: int) -> dict[str, Any]:
    """Play `count` episodes at once, and compare the accounts. Raises as `check`."""
    with tempfile.TemporaryDirectory() as folder, serving() as url:
        before = _memory()
        started = time.perf_counter()
        rows, requests = played(Path(folder), url, count)
        seconds = time.perf_counter() - started
        server = stats(url)
    check(rows, count, requests, server)
    replies = sum(len(row.steps) for row in rows)
    return {
        "seconds": round(seconds, 2),
        "replies": replies,
        "replies_per_second": round(replies / seconds),
        "requests": requests,
        "memory_mb": round(_memory() - before),
        "server": server,
    }


def played(folder: Path, url: str, count: int) -> tuple[list[Trajectory], int]:
    """The trajectories of `count` episodes, and how many requests the agent says it made."""
    environment, path = Guess(count), folder / "played.jsonl"
    agent = EndpointAgent(url, "guesser", workers=count, tries=10, first_pause=0.1)
    spending = Spending(folder / "spent.jsonl")
    try:
        rollout(
            environment, environment.tasks("train"), agent, get_dialect("react", "guess"), path,
            spending=spending,
        )  # fmt: skip
    finally:
        agent.close()
        spending.close()
    return list(read_records(path, Trajectory)), spent(folder / "spent.jsonl")["guess"].requests


def check(rows: Sequence[Trajectory], count: int, requests: int, server: dict[str, int]) -> None:
    """Nothing lost, nothing doubled, every failure accounted for. Raises `AssertionError`."""
    assert len({row.id for row in rows}) == len(rows) == count, "an episode is lost or doubled"
    assert all(row.reward == 1.0 for row in rows), "an episode was not solved"
    assert [len(row.steps) for row in sorted(rows, key=lambda row: int(row.task[6:]))] == [
        n % 5 + 1 for n in range(count)
    ], "an episode has another number of steps than its secret asks for"
    assert requests == sum(server.values()), "the agent tells of other requests than the server"
    replies = server["answered"] + server.get("slow", 0)
    assert replies == sum(len(row.steps) for row in rows), "a reply was asked for twice"


@contextmanager
def serving() -> Iterator[str]:
    """A flaky server in a process of its own; gives its URL."""
    command = [sys.executable, str(Path(__file__).with_name("flaky_server.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        yield f"http://127.0.0.1:{int(process.stdout.readline())}/v1"
        process.stdin.close()


def stats(url: str) -> dict[str, int]:
    """What the server counted."""
    with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(f"{url}/stats") as answer:
        return json.load(answer)


def _memory() -> float:
    """Most memory that this process ever held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--episodes", type=int, nargs="+", default=[64, 256, 1000])
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    main()
