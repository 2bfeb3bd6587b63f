"""The pictures of the documents, drawn from the result files: `python benchmarks/plots.py`.

Each file in `benchmarks/results/` that has a picture is drawn as `docs/images/<its name>.svg`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

RESULTS = Path(__file__).parent / "results"
IMAGES = Path(__file__).parents[1] / "docs" / "images"
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377")
"""Paul Tol's bright scheme: told apart by most colour-blind readers too."""


def main() -> None:
    """Draw what there are results for."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    for name, draw in PICTURES.items():
        source = RESULTS / f"{name}.json"
        if source.exists():
            mpl.rcParams.update({"svg.hashsalt": name, "svg.fonttype": "none", "font.size": 9})
            figure = draw(json.loads(source.read_text(encoding="utf-8")))
            figure.savefig(IMAGES / f"{name}.svg", metadata={"Date": None, "Creator": None})
            print(IMAGES / f"{name}.svg")


def ablation(data: dict[str, Any]) -> Figure:
    """Agent success against general loss, one point for each arm."""
    figure = Figure(figsize=(5, 3.2), layout="constrained")
    axes = figure.subplots()
    for colour, arm in zip(COLOURS, data["means"], strict=False):
        x, y = arm["loss"], arm["success"]
        axes.errorbar(
            x["value"], 100 * y["value"], xerr=_ends(x), yerr=_ends(y, 100), fmt="o", color=colour,
            capsize=3, label=arm["name"],
        )  # fmt: skip
    axes.axvline(data["general_before"]["loss"]["value"], color="grey", ls=":", label="base model's loss")
    axes.set_xlabel("general loss, nats per token (left is better)")
    axes.set_ylabel("agent success, %")
    axes.legend(frameon=False)
    return figure


def upscale(data: dict[str, Any]) -> Figure:
    """Success and general ability over both weights, with the truly tuned large model as a line."""
    figure = Figure(figsize=(8, 6), layout="constrained")
    panels = figure.subplots(3, 2, sharex="col", sharey="row")
    tuned = next(system for system in data["systems"] if system["name"] == "large tuned")
    for column, (weight, label) in enumerate(
        (("alpha", "α: large + α·(tuned − base)"), ("beta", "β: tuned + β·(large − base)"))
    ):
        placed = sorted(
            (each for each in data["systems"] if each[weight] is not None), key=lambda each: each[weight]
        )
        places = [each[weight] for each in placed]
        for panel, (_, scale, measure), colour in zip(panels[:, column], MEASURES, COLOURS, strict=False):
            _curve(panel, places, [measure(each) for each in placed], scale, colour)
            panel.axhline(scale * measure(tuned)["value"], color="grey", ls=":")
        panels[-1, column].set_xlabel(label)
    for panel, (label, _, _) in zip(panels[:, 0], MEASURES, strict=True):
        panel.set_ylabel(label)
    figure.suptitle("Emulated fine-tuning; dotted: the large model truly tuned", fontsize=9)
    return figure


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


def _curve(
    axes: Axes, places: list[float], intervals: list[dict[str, float]], scale: float, colour: str
) -> None:
    values = [scale * each["value"] for each in intervals]
    ends = [_ends(each, scale) for each in intervals]
    error = [[low[0] for low, _ in ends], [high[0] for _, high in ends]]
    axes.errorbar(places, values, yerr=error, fmt="o-", color=colour, capsize=3)
    axes.grid(axis="y", lw=0.4)


def _ends(interval: dict[str, float], scale: float = 1) -> list[list[float]]:
    """How far the interval reaches below and above its value, as matplotlib wants it."""
    low, value, high = (scale * interval[key] for key in ("low", "value", "high"))
    return [[value - low], [high - value]]


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
