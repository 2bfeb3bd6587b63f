"""Steps a second of collecting over a local Ray cluster of two nodes, beside one process.

    python benchmarks/cluster.py --out benchmarks/results/cluster-cpu.json

The expert plays the same tasks on both sides; each round has tasks of its own. `steps` counts from the
first trajectory on, `steps, with the start` from the call on: each call starts a process on every node,
which imports and builds the environment. The cluster itself is started once, before the rounds. What the
calling process computes for a step says how many nodes one driver can feed, however busy the machine is.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from harness.compare import compare
from harness.comparison import Answer, Comparison
from harness.machine import machine
from harness.progress import line
from harness.results import dumps, run, status, write
from harness.table import table
from harness.weather import Station, adopt_orphans
from trajectune.agents.expert import ExpertAgent
from trajectune.dialects.registry import get_dialect
from trajectune.environments.registry import load_environment
from trajectune.progress import Progress
from trajectune.rollout.cluster.rollout import rollout_on_cluster
from trajectune.rollout.rollout import rollout
from trajectune.storage import read_records
from trajectune.trajectory import Trajectory

ONE, TWO = "one process", "two nodes"
NODE = {"num_cpus": 1, "object_store_memory": 80 << 20, "include_dashboard": False}
EPISODES = {"database": 400, "operating_system": 40}
"""Of a round: a cheap environment, and one with slow steps."""


def main() -> int:
    """Measure, print and keep the numbers."""
    options = _options()
    os.environ |= {"RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0", "RAY_AUTH_MODE": "disabled"}
    adopt_orphans()  # a cluster is made of processes
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=NODE)
    cluster.add_node(**NODE)
    found: dict[str, Comparison] = {}
    try:
        for name in options.environments:
            found[name] = _compare(name, str(cluster.address), options.seconds)
            print(table(name, found[name]))
    finally:
        cluster.shutdown()
    report = machine("ray", episodes=EPISODES, nodes=2)
    report["comparisons"] = {name: each.report() for name, each in found.items()}
    if options.out:
        write(options.out, report)
    else:
        print(dumps(report))
    return status(list(found.values()))


def _compare(name: str, address: str, seconds: float) -> Comparison:
    # A sandbox's processes, and those of a cluster's nodes, would pass for others.
    sides = {ONE: _side(name, ""), TWO: _side(name, address)}
    station = Station(others=False)
    return compare(
        sides, baseline=ONE, seconds=seconds, warmups=1, least=3, station=station, show=line(name)
    )


def _side(name: str, address: str) -> Callable[[int], Answer]:
    def play(number: int) -> Answer:
        with tempfile.TemporaryDirectory() as folder:
            return _played(name, address, number, Path(folder) / "t.jsonl")

    return play


def _played(name: str, address: str, number: int, path: Path) -> Answer:
    environment = load_environment(name, {"train": EPISODES[name], "seed": number})
    tasks, clock = environment.tasks("train"), _Clock()
    if address:
        rollout_on_cluster(address, environment, tasks, None, "agentbench", path, on_progress=clock)
    else:
        dialect = get_dialect("agentbench", name, environment.dialects)
        rollout(environment, tasks, ExpertAgent(environment), dialect, path, on_progress=clock)
    clock.stop()
    return clock.answer([len(row.steps) for row in read_records(path, Trajectory)])


class _Clock:
    """Notes when the first and the last trajectory were written, and what was computed here."""

    def __init__(self) -> None:
        self._start, self._computed = time.perf_counter(), time.process_time()
        self._first = self._last = 0.0

    def __call__(self, progress: Progress) -> None:
        del progress
        self._last = time.perf_counter() - self._start
        self._first = self._first or self._last

    def stop(self) -> None:
        """The call is over."""
        self._computed = time.process_time() - self._computed

    def answer(self, steps: list[int]) -> Answer:
        """The rates, of the steps of all trajectories in the order of the file."""
        rates = {
            "steps": sum(steps[1:]) / (self._last - self._first),
            "steps, with the start": sum(steps) / self._last,
        }
        facts = {
            "seconds to the first trajectory": round(self._first, 3),
            "CPU ms of the calling process for a step": round(1e3 * self._computed / sum(steps), 3),
        }
        return Answer(rates=rates, facts=facts)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environments", nargs="+", default=list(EPISODES), choices=list(EPISODES))
    parser.add_argument("--seconds", type=float, default=60, help="for each environment")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
