"""How fast an environment is: steps per second of its expert, alone or beside another version of the code.

    python benchmarks/environments.py                              # this version
    python benchmarks/environments.py --against ../other --rounds 5  # and a checkout of another, in turn

An episode is a task made, opened, played by the expert to its end and closed; of the database also single
statements in an open episode are timed. Versions are measured in turn, each round in a process of its own,
so that a machine that slows down slows both.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from trajectune.report.sections.provenance import commit, hardware

ROOT = Path(__file__).parents[1]
WARM = 30
"""Episodes played before the clock starts."""


def main() -> None:
    """Measure, print and keep the numbers."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--environment", default="database")
    parser.add_argument("--episodes", type=int, default=600)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--against", type=Path, help="checkout of another version")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)  # one round, in this process
    options = parser.parse_args()
    if options.once:
        print(json.dumps(measured(options.environment, options.episodes)))
        return
    trees = {"this": ROOT} | ({"against": options.against.resolve()} if options.against else {})
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in trees}
    for _ in range(options.rounds):
        for name, tree in trees.items():
            rounds[name].append(_in_process(tree, options.environment, options.episodes))
    report = _report(options.environment, options.episodes, rounds)
    text = json.dumps(report, indent=2)
    print(text)
    if options.out:
        options.out.write_text(text + "\n", encoding="utf-8")


def measured(name: str, episodes: int) -> dict[str, float]:
    """Steps and seconds of `episodes` training tasks, played once each."""
    from trajectune.environments.registry import load_environment

    environment = load_environment(name, {"train": WARM + episodes})
    tasks = environment.tasks("train")
    _played(environment, tasks[:WARM])
    start = time.perf_counter()
    steps = _played(environment, tasks[WARM:])
    found = {"steps": steps, "seconds": time.perf_counter() - start}
    return found | (statements(environment) if name == "database" else {})


def statements(environment: Any, count: int = 3_000) -> dict[str, float]:
    """Statements that an open episode answers, each another one."""
    from trajectune.trajectory import ToolCall

    with closing(environment.open(environment.tasks("train")[0])) as episode:
        calls = [ToolCall(name="sql", arguments={"query": f"SELECT {n} + 1"}) for n in range(count)]
        start = time.perf_counter()
        for call in calls:
            assert not episode.step(call).fault
        return {"statements": count, "statement_seconds": time.perf_counter() - start}


def _played(environment: Any, tasks: Any) -> int:
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


def _in_process(tree: Path, environment: str, episodes: int) -> dict[str, float]:
    """One round with the code of a checkout."""
    command = [
        sys.executable,
        __file__,
        "--once",
        "--environment",
        environment,
        "--episodes",
        str(episodes),
    ]
    variables = os.environ | {"PYTHONPATH": str(tree / "src")}
    done = subprocess.run(command, env=variables, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def _rate(measure: dict[str, float]) -> float:
    return measure["statements"] / measure["statement_seconds"]


def _report(environment: str, episodes: int, rounds: dict[str, list[dict[str, float]]]) -> dict[str, Any]:
    speeds = {
        name: [round(measure["steps"] / measure["seconds"]) for measure in measures]
        for name, measures in rounds.items()
    }
    return {
        "command": " ".join(["python", "benchmarks/environments.py", *sys.argv[1:]]),
        "commit": commit(),
        "hardware": hardware(),
        "environment": environment,
        "episodes": episodes,
        "steps_per_second": {name: statistics.median(values) for name, values in speeds.items()},
        "statements_per_second": {
            name: round(
                statistics.median(each["statements"] / each["statement_seconds"] for each in measures)
            )
            for name, measures in rounds.items()
            if "statements" in measures[0]
        },
        "rounds": speeds,
        "machine": {
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
            "load": os.getloadavg()[0],
        },
    }


if __name__ == "__main__":
    main()
