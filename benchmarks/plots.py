"""The pictures of the documents, drawn from the result files: `python benchmarks/plots.py`.

Each file in `benchmarks/results/` that has a picture is drawn as `docs/images/<its name>.svg`. Results of
studies are pages (`record.py`), the older ones lists of arms or systems; both are drawn alike. With
`python benchmarks/plots.py runs/mine/report/page.json --out DIR` a study of one's own is drawn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trajectune.evaluate.intervals import Interval
from trajectune.report.contents import Page
from trajectune.report.views import SuiteView, suites_of, systems_of, trade

RESULTS = Path(__file__).parent / "results"
IMAGES = Path(__file__).parents[1] / "docs" / "images"
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
"""Paul Tol's bright scheme: told apart by most colour-blind readers too."""


def main() -> None:
    """Draw what there are results for, or the files that are named."""
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    sources = options.files or [RESULTS / f"{name}.json" for name in PICTURES]
    for source in filter(Path.exists, sources):
        data = json.loads(source.read_text(encoding="utf-8"))
        name = options.out / f"{_name(source)}.svg"
        mpl.rcParams.update({"svg.hashsalt": name.stem, "svg.fonttype": "none", "font.size": 9})
        figure = PICTURES.get(name.stem, study)(data)
        figure.savefig(name, metadata={"Date": None, "Creator": None})
        print(name)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "files", nargs="*", type=Path, help="result files or pages; default: all with a picture"
    )
    parser.add_argument("--out", type=Path, default=IMAGES, help="folder of the pictures")
    return parser.parse_args()


def _name(source: Path) -> str:
    """A result's own name; of `RUN/report/page.json` the run's."""
    return source.absolute().parents[1].name if source.name == "page.json" else source.stem


def page_of(data: dict[str, Any]) -> Page | None:
    """The page in a result file, or that the file is; `None` in older files."""
    found = data.get("page", data if "entries" in data else None)
    return None if found is None else Page.model_validate(found)


def study(data: dict[str, Any]) -> Figure:
    """Curves over weights where the study has some, otherwise what skill cost."""
    page = page_of(data)
    return upscale(data) if page is not None and page.curves else ablation(data)


def ablation(data: dict[str, Any]) -> Figure:
    """Agent success against general loss, one point for each arm."""
    base, placed = _trade(data)
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for colour, (name, (x, y)) in zip(COLOURS, placed.items(), strict=False):
        axes.errorbar(
            x.value, 100 * y.value, xerr=_ends(x), yerr=_ends(y, 100), fmt="o", color=colour,
            capsize=3, label=name,
        )  # fmt: skip
    if base is not None:
        axes.axvline(base.value, color="grey", ls=":", label="base model's loss")
    axes.set_xlabel("general loss, nats per token (left is better)")
    axes.set_ylabel("agent success, %")
    axes.legend(frameon=False)
    return figure


def _trade(data: dict[str, Any]) -> tuple[Interval | None, dict[str, tuple[Interval, Interval]]]:
    """General loss of the base model; loss and success of each arm."""
    page = page_of(data)
    if page is None:
        arms = {arm["name"]: (_interval(arm["loss"]), _interval(arm["success"])) for arm in data["means"]}
        return _interval(data["general_before"]["loss"]), arms
    placed = trade(page)
    base = placed.pop("base", None)
    return base and base[0], placed


@dataclass(frozen=True)
class Curves:
    """One suite's metric over each weight."""

    label: str
    scale: float
    over: dict[str, list[tuple[float, Interval]]]
    """Axis label to the points."""
    ceiling: float | None
    """Of the truly tuned model."""


def upscale(data: dict[str, Any]) -> Figure:
    """Success and general ability over the weights, with the truly tuned large model as a line."""
    page = page_of(data)
    rows = _curves_of_systems(data) if page is None else _curves_of_page(page)
    weights = list(dict.fromkeys(weight for row in rows for weight in row.over))
    figure = Figure(figsize=(4 * len(weights), 2 * len(rows)), layout="constrained")
    panels = figure.subplots(len(rows), len(weights), sharex="col", sharey="row", squeeze=False)
    for line, row, colour in zip(panels, rows, COLOURS, strict=False):
        line[0].set_ylabel(row.label)
        for panel, weight in zip(line, weights, strict=True):
            _curve(panel, row.over.get(weight, []), row.scale, colour)
            if row.ceiling is not None:
                panel.axhline(row.scale * row.ceiling, color="grey", ls=":")
    for panel, weight in zip(panels[-1], weights, strict=True):
        panel.set_xlabel(weight)
    figure.suptitle("Emulated fine-tuning; dotted: the large model truly tuned", fontsize=9)
    return figure


def _curves_of_page(page: Page) -> list[Curves]:
    ceiling = page.gaps[0].ceiling if page.gaps else next(reversed(systems_of(page)))
    return [_curves(view, page, ceiling) for view in suites_of(page)]


def _curves(view: SuiteView, page: Page, ceiling: str) -> Curves:
    over = {curve.weight: curve.points for curve in page.curves if curve.suite == view.name}
    value = view.value(ceiling)
    unit = ", %" if view.is_share else ""
    scale = 100.0 if view.is_share else 1.0
    return Curves(f"{view.name}: {view.headline}{unit}", scale, over, value and value.value)


def _curves_of_systems(data: dict[str, Any]) -> list[Curves]:
    """Of the older files: every system says at which weights it is."""
    tuned = next(system for system in data["systems"] if system["name"] == "large tuned")
    rows = []
    for label, scale, measure in MEASURES:
        over = {
            axis: sorted(
                (
                    (each[weight], _interval(measure(each)))
                    for each in data["systems"]
                    if each[weight] is not None
                ),
                key=lambda point: point[0],
            )
            for weight, axis in WEIGHTS.items()
        }
        rows.append(Curves(label, scale, over, measure(tuned)["value"]))
    return rows


def emulate(data: dict[str, Any]) -> Figure:
    """Tokens per second over naive three-model decoding, by batch and prompt length."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    axes = figure.subplots()
    results = data["results"]
    systems = [name for name in results[0]["tokens_per_second"] if name != "assisted"]
    width = 0.8 / len(systems)
    for index, (name, colour) in enumerate(zip(systems, COLOURS, strict=False)):
        ratios = [each["tokens_per_second"][name] / each["tokens_per_second"]["naive"] for each in results]
        places = [place + (index - (len(systems) - 1) / 2) * width for place in range(len(results))]
        axes.bar(places, ratios, width, color=colour, label=SYSTEMS.get(name, name))
    names = [f"batch {each['batch']}\nprompt {each['prompt']}" for each in results]
    axes.set_xticks(range(len(results)), names)
    axes.set_ylabel("tokens/s over naive")
    axes.legend(frameon=False, ncols=len(systems), loc="lower center", bbox_to_anchor=(0.5, 1))
    return figure


def _curve(axes: Axes, points: list[tuple[float, Interval]], scale: float, colour: str) -> None:
    values = [scale * interval.value for _, interval in points]
    ends = [_ends(interval, scale) for _, interval in points]
    error = [[low[0] for low, _ in ends], [high[0] for _, high in ends]]
    axes.errorbar([place for place, _ in points], values, yerr=error, fmt="o-", color=colour, capsize=3)
    axes.grid(axis="y", lw=0.4)


def _ends(interval: Interval, scale: float = 1) -> list[list[float]]:
    """How far the interval reaches below and above its value, as matplotlib wants it."""
    low, value, high = (scale * each for each in (interval.low, interval.value, interval.high))
    return [[value - low], [high - value]]


def _interval(stored: dict[str, float]) -> Interval:
    return Interval.model_validate(stored)


WEIGHTS = {"alpha": "α: large + α·(tuned − base)", "beta": "β: tuned + β·(large − base)"}
MEASURES: tuple[tuple[str, float, Callable[[dict[str, Any]], dict[str, float]]], ...] = (
    ("agent success, %", 100, lambda system: next(iter(system["agents"].values()))["success"]),
    ("general questions, %", 100, lambda system: system["general"]["questions"]),
    ("general loss, nats", 1, lambda system: system["general"]["loss"]),
)
"""What is drawn over a weight: axis label, scale, and where a system's interval is."""

SYSTEMS = {
    "naive": "three models naively",
    "speculative": "with drafts",
    "large": "large alone",
    "large_engine": "large alone, engine",
}
"""Names of `emulate.py`'s systems, for people."""

PICTURES: dict[str, Callable[[dict[str, Any]], Figure]] = {
    "ablation-cpu": ablation,
    "upscale-cpu": upscale,
    "emulate-cpu": emulate,
}

if __name__ == "__main__":
    main()
