"""What a run came to, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.table import Table

from trajectune.curate.funnel import Funnel
from trajectune.evaluate.contract import Measurement
from trajectune.evaluate.run import read_measurements
from trajectune.report.funnel import funnel_table
from trajectune.run.directory import RunDirectory
from trajectune.run.display import Display
from trajectune.run.study import REPORT, Study
from trajectune.storage import read_json


def show_summary(home: RunDirectory, study: Study, until: str, display: Display) -> None:
    """What the last stage left: the funnel, the model's folder, or tables and the page."""
    if until == "curate":
        for arm in study.arms:
            funnel = Funnel.model_validate(read_json(home.folder(arm.results["curate"]) / "funnel.json"))
            if funnel.rows:
                display.show(funnel_table(funnel))
    elif until == "tune":
        for arm in study.arms:
            display.title("tuned model", str(_shown(home, f"{arm.folder}tune") / "model"))
    elif until in ("evaluate", REPORT):
        measured = [(row.system, read_measurements(home.folder(row.result))) for row in study.rows]
        display.show(score_table(measured))
    if until == REPORT:
        display.title("report", str(_shown(home, REPORT) / "index.html"))


def score_table(measured: Sequence[tuple[str, Sequence[Measurement]]]) -> Table:
    """One row for each system and suite, with 95 % intervals."""
    table = Table("system", "suite", "metric", box=box.SIMPLE)
    for name in ("value", "interval", "valid replies", "errors"):
        table.add_column(name, justify="right")
    for system, measurements in measured:
        for each in measurements:
            table.add_row(system, each.suite, each.headline or each.status, *_cells(each))
    return table


def _cells(measurement: Measurement) -> list[str]:
    value, valid = measurement.value, measurement.metrics.get("valid_replies")
    if value is None:
        return [measurement.reason, "", "", ""]
    if measurement.lower_is_better:
        shown = [f"{value.value:.3f}", f"{value.low:.3f} – {value.high:.3f}"]
    else:
        shown = [f"{value.value:.1%}", f"{value.low:.1%} – {value.high:.1%}"]
    broken = measurement.counts.get("infrastructure_errors", 0)
    return [*shown, f"{valid.value:.1%}" if valid else "", str(broken or "")]


def _shown(home: RunDirectory, name: str) -> Path:
    """The path that people use, relative to where they are if it is below."""
    here, path = Path.cwd(), home.path / name
    return path.relative_to(here) if path.is_relative_to(here) else path
