"""How fast an environment is: steps per second of its expert, alone or beside another version of the code.

    python benchmarks/environments.py                              # this version
    python benchmarks/environments.py --against ../other           # and a checkout of another, in turn

An episode is a task made, opened, played by the expert to its end and closed; of the database also single
statements in an open episode are timed. Each round of a version is a process (`environment_side.py`): by
where its memory happens to lie, one process can be several percent slower than the next, all its life.
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

ROOT = Path(__file__).parents[1]


def main() -> int:
    """Measure, print and keep the numbers."""
    options = _options()
    trees = {"this": ROOT} | ({"against": options.against.resolve()} if options.against else {})
    asked = {"environment": options.environment, "episodes": options.episodes}
    sides = {name: _side(name, tree, asked) for name, tree in trees.items()}
    show = line(options.environment)
    found = compare(sides, baseline=list(sides)[-1], seconds=options.seconds, show=show)
    report = machine(**asked) | speeds(found) | {"comparison": found.report()}
    print(table(options.environment, found))
    if options.out:
        write(options.out, report)
    else:
        print(dumps({name: value for name, value in report.items() if name != "comparison"}))
    return status([found])


def _side(name: str, tree: Path, asked: dict[str, Any]) -> Side:
    """The code of a checkout, each round in a new process."""
    variables = os.environ | {"PYTHONPATH": str(tree / "src")}
    command = [sys.executable, str(Path(__file__).with_name("environment_side.py"))]

    def play(number: int) -> Answer:
        with Child(name, command, environment=variables) as child:
            return child.ask({"run": "play", "round": number, **asked})

    return play


def speeds(found: Comparison) -> dict[str, Any]:
    """Median rates by kind and version."""
    return {
        f"{part}_per_second": {
            name: rate and round(rate.median) for name in found.sides for rate in [found.rate(name, part)]
        }
        for part in found.parts
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environment", default="database")
    parser.add_argument("--episodes", type=int, default=600)
    parser.add_argument("--against", type=Path, help="checkout of another version")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
