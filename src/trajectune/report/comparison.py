"""A page that compares arms of an ablation over seeds: agent skill against general ability.

AgentTuning's effect (its Table 5) is that training on agent data alone costs general ability and that
mixing keeps both; this page shows whether that holds here.

Invariants: an arm's number is the mean over its seeds with Student's t; a run that lacks a measure is
left out of that measure's mean, and the number of runs is shown.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from markupsafe import Markup

from trajectune.evaluate.general import GeneralScores
from trajectune.evaluate.intervals import Interval, over_seeds
from trajectune.evaluate.results import Results
from trajectune.report.charts import trade_chart
from trajectune.report.page import render
from trajectune.storage import write_atomic, write_json

Run = tuple[str, int, Results]
"""Arm, seed, and what that run measured."""


@dataclass(frozen=True, slots=True)
class Arm:
    """Means of one arm over its seeds; `None` where no run measured it."""

    name: str
    seeds: list[int]
    success: Interval | None
    """Mean over environments of the success share after tuning."""
    valid: Interval | None
    loss: Interval | None
    divergence: Interval | None
    accuracy: Interval | None
    """Mean over the question sets."""


def write_comparison(runs: Sequence[Run], out_dir: Path) -> Path:
    """Write `index.html` and `comparison.json` (all results) into `out_dir`; gives the page's path."""
    out_dir.mkdir(parents=True, exist_ok=True)
    rows = [{"arm": arm, "seed": seed, "results": r.model_dump(mode="json")} for arm, seed, r in runs]
    write_json(out_dir / "comparison.json", rows)
    arms = arm_means(runs)
    placed = {arm.name: (arm.loss, arm.success) for arm in arms if arm.loss and arm.success}
    base = runs[0][2] if runs else None
    page = render(
        "comparison.html",
        title=f"{base.name}: comparison" if base else "comparison",
        arms=arms,
        base=_before(base) if base else None,
        chart=Markup(trade_chart(placed)) if placed else None,
    )
    write_atomic(out_dir / "index.html", page)
    return out_dir / "index.html"


def arm_means(runs: Sequence[Run]) -> list[Arm]:
    """Each arm's means over seeds, arms in the order of their first run."""
    return [
        _arm(name, [run for run in runs if run[0] == name]) for name in dict.fromkeys(r[0] for r in runs)
    ]


def _arm(name: str, runs: Sequence[Run]) -> Arm:
    def mean(measure: Callable[[Results], float | None]) -> Interval | None:
        return over_seeds([value for _, _, run in runs if (value := measure(run)) is not None])

    return Arm(
        name,
        [seed for _, seed, _ in runs],
        success=_within_one(
            mean(lambda run: _mean(each.after.success for each in run.agents if each.after))
        ),
        valid=_within_one(
            mean(lambda run: _mean(each.after.valid_replies for each in run.agents if each.after))
        ),
        loss=mean(lambda run: _mean([run.general_after.loss] if run.general_after else [])),
        divergence=mean(lambda run: _mean([run.general_after.divergence] if run.general_after else [])),
        accuracy=_within_one(mean(lambda run: _accuracy(run.general_after))),
    )


def _before(run: Results) -> Arm:
    """The base model as an arm of its own, from one run: it is the same in all of them."""
    swapped = run.model_copy(
        update={
            "agents": [each.model_copy(update={"after": each.before}) for each in run.agents],
            "general_after": run.general_before,
        }
    )
    return _arm("base model", [("base model", run.seed, swapped)])


def _accuracy(scores: GeneralScores | None) -> float | None:
    return _mean(each.accuracy for each in scores.accuracy.values()) if scores else None


def _mean(intervals: Iterable[Interval | None]) -> float | None:
    values = [interval.value for interval in intervals if interval is not None]
    return fmean(values) if values else None


def _within_one(interval: Interval | None) -> Interval | None:
    """Student's t knows no bounds, a share has them."""
    if interval is None:
        return None
    return Interval(value=interval.value, low=max(0.0, interval.low), high=min(1.0, interval.high))
