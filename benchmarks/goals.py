"""The decoding goals beside what `decode.py` measured: a table for docs/speed.md.

    python benchmarks/goals.py benchmarks/results/decode-{,episodes-}cpu.json

A goal is a ratio between two sides of one run; its interval comes from the rounds in which neither was
disturbed. *The fastest rival* of a case is the one with the highest median rate.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.comparison import Comparison
from harness.estimate import Estimate

OURS = ("trajectune", "trajectune, PyTorch", "trajectune, int8")
GENERATE = "transformers"


@dataclass(frozen=True)
class Goal:
    """At least `least` times the other side, in tokens per second of a part of a case."""

    case: str
    side: str
    over: str
    """A side, or `rival`: the fastest of those that are not ours."""
    least: float
    part: str = "decode"


GOALS = (
    Goal("batch 1", "trajectune, int8", "rival", 1.5),
    Goal("batch 8", "trajectune, int8", "rival", 1.5),
    Goal("batch 32", "trajectune, int8", "rival", 1.5),
    Goal("batch 8", "trajectune", "rival", 1.0),
    Goal("batch 32", "trajectune", "rival", 1.0),
    Goal("10-turn episodes, batch 8", "trajectune, int8", GENERATE, 10.0, "together"),
    Goal("10-turn episodes, batch 8", "trajectune", GENERATE, 5.0, "together"),
)
_NAMES = {"trajectune": "bf16", "trajectune, int8": "int8", GENERATE: "`generate`"}


def main() -> None:
    if not sys.argv[1:]:
        sys.exit(__doc__)
    print("\n".join(goal_lines([json.loads(Path(name).read_text("utf-8")) for name in sys.argv[1:]])))


def goal_lines(reports: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of the table, from one or several runs."""
    found = {
        each["case"]: Comparison.read(each["comparison"])
        for report in reports
        for each in report["results"]
        if each["dtype"] == "bfloat16"
    }
    measured = [goal for goal in GOALS if goal.case in found and goal.side in found[goal.case].sides]
    head = ["| case | side | over | measured | goal | |", "|---|---|---|---|---|---|"]
    return [*head, *(_line(goal, found[goal.case]) for goal in measured)]


def _line(goal: Goal, comparison: Comparison) -> str:
    other = fastest(comparison, goal.part) if goal.over == "rival" else goal.over
    ratio = comparison.model_copy(update={"baseline": other}).ratio(goal.side, goal.part)
    cells = [goal.case, _NAMES[goal.side], _NAMES.get(other, other), _shown(ratio), f"×{goal.least:g}"]
    return f"| {' | '.join(cells)} | {_verdict(ratio, goal.least)} |"


def fastest(comparison: Comparison, part: str) -> str:
    """The side with the highest median rate that is not ours."""
    rates = {side: comparison.rate(side, part) for side in comparison.sides if side not in OURS}
    medians = {side: rate.median for side, rate in rates.items() if rate is not None}
    return max(medians, key=lambda side: medians[side])


def _shown(ratio: Estimate | None) -> str:
    if ratio is None:
        return "refused"
    return f"×{ratio.mean:.2f} [{ratio.low:.2f}–{ratio.high:.2f}]"


def _verdict(ratio: Estimate | None, least: float) -> str:
    """Met where the whole interval is above the goal, missed where the mean is below it."""
    if ratio is None:
        return "not shown"
    if ratio.low is not None and ratio.low >= least:
        return "met"
    return "met on average" if ratio.mean >= least else "missed"


if __name__ == "__main__":
    main()
