"""What collecting trajectories costs besides the teacher's and the environment's own work.

    python benchmarks/collection.py --out benchmarks/results/collection-cpu.json

Teachers are instant: the expert, and its moves as a model would say them (`collection_side.py`). Each
round of a teacher is a process. The overhead is what is left of a rollout when the seconds inside of the
environment and of the teacher are taken away; the goal is less than a millisecond a step. It is told by the
clock and in seconds of the processor, which a busy machine changes little.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
from pathlib import Path

from environments import SANDBOXED, SIX
from harness.compare import Side, compare
from harness.comparison import Answer, Comparison
from harness.machine import machine
from harness.process import Child
from harness.progress import line
from harness.results import dumps, run, status, write
from harness.table import table
from harness.weather import Station, adopt_orphans

ROOT = Path(__file__).parents[1]
TEACHERS = ("expert", "replies")


def main() -> int:
    """Measure, print and keep the numbers."""
    options = _options()
    adopt_orphans()  # environments have processes of their own
    found: dict[str, Comparison] = {}
    for name in options.environments:
        sides = {teacher: _side(name, teacher, options.episodes) for teacher in TEACHERS}
        found[name] = compare(
            sides,
            baseline="expert",
            seconds=options.seconds,
            warmups=0,
            least=3,
            station=Station(others=name != SANDBOXED),
            show=line(name),
        )
        print(table(name, found[name]))
    report = machine(episodes=options.episodes) | {"collecting": numbers(found)}
    report["comparisons"] = {name: each.report() for name, each in found.items()}
    write(options.out, report) if options.out else print(dumps(report["collecting"]))
    return status(list(found.values()))


def _side(environment: str, teacher: str, episodes: int) -> Side:
    """A teacher in an environment, each round in a new process."""
    variables = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, str(Path(__file__).with_name("collection_side.py"))]
    asked = {"environment": environment, "teacher": teacher, "episodes": episodes}

    def collect(number: int) -> Answer:
        with Child(teacher, command, environment=variables) as child:
            return child.ask({"run": "collect", "round": number, **asked})

    return collect


def numbers(found: dict[str, Comparison]) -> dict[str, dict[str, dict[str, float | None]]]:
    """Median speed and overhead by environment and teacher.

    Those by the clock are of undisturbed rounds, and missing where there is none; those of the processor
    are of all rounds.
    """
    return {
        name: {
            teacher: {
                "steps_per_second": _rounded(_rate(each, teacher, "steps"), 0),
                "overhead_ms": _milliseconds(_rate(each, teacher, "steps of overhead")),
                "overhead_processor_ms": _milliseconds(
                    _of_all(each, teacher, "steps of overhead, processor")
                ),
            }
            for teacher in each.sides
        }
        for name, each in found.items()
    }


def _rate(found: Comparison, teacher: str, part: str) -> float | None:
    known = found.rate(teacher, part)
    return None if known is None else known.median


def _of_all(found: Comparison, teacher: str, part: str) -> float:
    return statistics.median(each.pieces[teacher].rates[part] for each in found.rounds)


def _milliseconds(rate: float | None) -> float | None:
    return None if rate is None else _rounded(1000 / rate, 3)


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits or None)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--environments", nargs="+", default=SIX)
    parser.add_argument("--episodes", type=int, default=60, help="of a round")
    parser.add_argument("--seconds", type=float, default=60, help="for each environment")
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
