"""What turns results into tables and pictures reads every result file, and says what the documents say."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest

from trajectune.evaluate.contract import Measurement, SystemIdentity
from trajectune.evaluate.intervals import Interval
from trajectune.report.contents import Entry, Page, WeightCurve

ROOT = Path(__file__).parents[1]
RESULTS = sorted((ROOT / "benchmarks" / "results").glob("*.json"))
NO_TABLE = {"emulate-shapes-cpu", "kill-resume", "web-shop-cpu"}


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    return importlib.import_module


@pytest.mark.parametrize("path", RESULTS, ids=lambda path: path.stem)
def test_every_result_has_its_table(path: Path, script: Any) -> None:
    table = script("tables").table_of(json.loads(path.read_text(encoding="utf-8")))
    assert ("| --- |" in table) is (path.stem not in NO_TABLE)


def test_the_readme_has_the_numbers_of_the_gpu_run(script: Any) -> None:
    found = json.loads((ROOT / "benchmarks" / "results" / "gpu-h100.json").read_text(encoding="utf-8"))
    training, decoding, _ = script("gpu_tables").gpu_tables(found["parts"])
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [row[2:] for row in training[1] if row[1] == "agent"] + [row[1:] for row in decoding[1]]
    assert len(rows) == 9
    assert [row for row in rows if " | ".join(row) not in readme] == []


def test_the_page_of_speeds_has_the_goals_as_they_were_measured(script: Any) -> None:
    paths = [ROOT / "benchmarks" / "results" / f"decode-{name}cpu.json" for name in ("", "episodes-")]
    found = [json.loads(path.read_text(encoding="utf-8")) for path in paths]
    lines = script("goals").goal_lines(found)
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    assert len(lines) == 2 + len(script("goals").GOALS)
    assert [line for line in lines if line not in page] == []


def page() -> Page:
    values = {"floor": 0.1, "middle": 0.4, "ceiling": 0.8}
    entries = [
        Entry(
            system=name,
            measurement=Measurement(
                suite="database",
                group="held-in",
                system=SystemIdentity(name=name, model=name),
                headline="success",
                metrics={"success": Interval(value=value, low=value, high=value)},
            ),
        )
        for name, value in values.items()
    ]
    points = [(float(place), each.measurement.metrics["success"]) for place, each in enumerate(entries)]
    curve = WeightCurve(suite="database", weight="share of the tuning", points=points)
    return Page(title="study", entries=entries, curves=[curve])


def test_a_study_is_drawn_from_its_page(script: Any) -> None:
    data = {"page": page().model_dump(mode="json")}
    (axes,) = script("plots").study(data).axes
    curve, ceiling = axes.lines[0], axes.lines[-1]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("database: success, %", "share of the tuning")
    assert list(curve.get_ydata()) == pytest.approx([10, 40, 80])
    assert list(ceiling.get_ydata()) == pytest.approx([80, 80])
