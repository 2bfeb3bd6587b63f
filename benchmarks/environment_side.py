"""A round of `environments.py`: one version of the code plays its training tasks, in a process of its own.

Imports only what every version has.
"""

from __future__ import annotations

import time
from contextlib import closing
from typing import Any

from harness.child import serve

WARM = 30
"""Episodes played before the clock starts."""
STATEMENTS = 3_000


def main() -> None:
    serve({"play": lambda asked: {"rates": measured(asked["environment"], asked["episodes"])}})


def measured(name: str, episodes: int) -> dict[str, float]:
    """Steps per second of whole episodes; of the database also single statements."""
    from trajectune.environments.registry import load_environment

    environment = load_environment(name, {"train": WARM + episodes})
    _played(environment, environment.tasks("train")[:WARM])
    start = time.perf_counter()
    steps = _played(environment, environment.tasks("train")[WARM:])
    rates = {"steps": steps / (time.perf_counter() - start)}
    return rates | ({"statements": statements(environment)} if name == "database" else {})


def statements(environment: Any) -> float:
    """Statements a second that an open episode answers, each another one."""
    from trajectune.trajectory import ToolCall

    with closing(environment.open(environment.tasks("train")[0])) as episode:
        calls = [ToolCall(name="sql", arguments={"query": f"SELECT {n} + 1"}) for n in range(STATEMENTS)]
        start = time.perf_counter()
        for call in calls:
            assert not episode.step(call).fault
        return STATEMENTS / (time.perf_counter() - start)


def _played(environment: Any, tasks: Any) -> int:
    """Steps of the expert over these tasks."""
    from trajectune.environments.play import start

    steps = 0
    for task in tasks:
        play = start(environment, task, 0)
        if play is None:
            continue
        while play.advance() is not None:
            steps += 1
        play.episode.close()
    return steps


if __name__ == "__main__":
    main()
