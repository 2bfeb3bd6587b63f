"""How fast environments are with an instant agent, alone or beside another version of the code.

    python benchmarks/environments.py --out benchmarks/results/environments-cpu.json       # all six
    python benchmarks/environments.py --environments database --against ../other           # in turn

The expert's moves are recorded, and repeated in fresh episodes; timed are whole episodes (opened, played,
closed) and the steps in them alone, one episode at a time. Each round of a version is a process
(`environment_side.py`): by where its memory happens to lie, one process can be several percent slower than
the next, all its life.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from harness.compare import Side, compare
from harness.comparison import Answer, Comparison
from harness.machine import machine
from harness.process import Child
from harness.progress import line
from harness.results import dumps, run, status, write
from harness.table import table
from harness.weather import Station, adopt_orphans

ROOT = Path(__file__).parents[1]
SANDBOXED = "operating_system"
"""Its processes have a namespace of their own, whose times are lost with it: they would pass for others."""
SIX = ["database", "household", "operating_system", "knowledge_graph", "web_shop", "web_navigation"]


def main() -> int:
    """Measure, print and keep the numbers."""
    options = _options()
    adopt_orphans()  # environments have processes of their own
    trees = {"this": ROOT} | ({"against": options.against.resolve()} if options.against else {})
    found: dict[str, Comparison] = {}
    for name in options.environments:
        asked = {"environment": name, "episodes": options.episodes}
        sides = {version: _side(version, tree, asked) for version, tree in trees.items()}
        found[name] = compare(
            sides,
            baseline=list(sides)[-1],
            seconds=options.seconds,
            warmups=1,
            station=Station(others=name != SANDBOXED),
            show=line(name),
        )
        print(table(name, found[name]))
    report = machine(episodes=options.episodes) | {"steps_per_second": speeds(found)}
    report["comparisons"] = {name: each.report() for name, each in found.items()}
    if options.out:
        write(options.out, report)
    else:
        print(dumps(report["steps_per_second"]))
    return status(list(found.values()))


def _side(name: str, tree: Path, asked: dict[str, Any]) -> Side:
    """The code of a checkout, each round in a new process."""
    variables = os.environ | {"PYTHONPATH": str(tree / "src")}
    command = [sys.executable, str(Path(__file__).with_name("environment_side.py"))]

    def play(number: int) -> Answer:
        with Child(name, command, environment=variables) as child:
            return child.ask({"run": "play", "round": number, **asked})

    return play


def speeds(found: dict[str, Comparison]) -> dict[str, dict[str, dict[str, int | None]]]:
    """Median rates by environment, kind and version."""
    return {
        environment: {
            part: {
                name: rate and round(rate.median) for name in each.sides for rate in [each.rate(name, part)]
            }
            for part in each.parts
        }
        for environment, each in found.items()
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environments", nargs="+", default=SIX)
    parser.add_argument("--episodes", type=int, default=60, help="of a round")
    parser.add_argument("--against", type=Path, help="checkout of another version")
    parser.add_argument("--seconds", type=float, default=60, help="for each environment")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
