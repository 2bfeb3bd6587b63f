"""A page that shows what emulated fine-tuning gains: five systems, the share of the gap, two curves.

Invariants: a curve has only systems that were measured; every share and loss comes with its interval.
"""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from trajectune.evaluate import upscaling as names
from trajectune.evaluate.intervals import Interval
from trajectune.evaluate.upscaling import System, UpscaleResults
from trajectune.report.charts import weight_chart
from trajectune.report.page import render
from trajectune.storage import write_atomic, write_json

MAIN = (names.SMALL_BASE, names.SMALL_TUNED, names.LARGE_BASE, names.EMULATED, names.LARGE_TUNED)
"""The systems of the first table, in its order."""


def write_upscale(results: UpscaleResults, out_dir: Path) -> Path:
    """Write `index.html` and `upscale.json` into `out_dir`; gives the page's path."""
    out_dir.mkdir(parents=True, exist_ok=True)
    write_json(out_dir / "upscale.json", results.model_dump(mode="json"))
    page = render(
        "upscaling.html",
        title=results.name,
        results=results,
        main=[results.named(name) for name in MAIN],
        others=[system for system in results.systems if system.name not in MAIN],
        alpha_chart=_curve(results, "alpha", "α: share of the tuning"),
        beta_chart=_curve(results, "beta", "β: share of the scale"),
    )
    write_atomic(out_dir / "index.html", page)
    return out_dir / "index.html"


def _curve(results: UpscaleResults, weight: str, symbol: str) -> Markup | None:
    """Success and general loss over one weight; `None` with fewer than two points."""
    placed: list[tuple[float, System]] = sorted(
        ((at, system) for system in results.systems if (at := getattr(system, weight)) is not None),
        key=lambda pair: pair[0],
    )
    success: dict[str, list[tuple[float, Interval]]] = {}
    for at, system in placed:
        for environment, scores in system.agents.items():
            if scores.success:
                success.setdefault(environment, []).append((at, scores.success))
    loss = [(at, system.general.loss) for at, system in placed if system.general and system.general.loss]
    return Markup(weight_chart(success, loss, symbol, weight)) if len(placed) > 1 and success else None
