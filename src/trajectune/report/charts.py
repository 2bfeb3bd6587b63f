"""The kinds of chart that a page has: bars, points, a trade-off, curves.

Invariants: a value is drawn with its interval; what was not measured is not drawn.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trajectune.evaluate.intervals import Interval
from trajectune.harmless import harmless
from trajectune.report.contents import LossCurve
from trajectune.report.svg import GRID, INK, colour, draw

_STEP, _GAP = 0.19, 0.12  # inches: of a bar, and between two groups of bars


@dataclass(frozen=True, slots=True)
class Bars:
    """A group of bars: a label, and a value for each series (which may be missing)."""

    label: str
    values: Sequence[Interval | None]


@dataclass(frozen=True, slots=True)
class Panel:
    """Lines over one horizontal axis: for each a label and its points."""

    label: str
    """Of the vertical axis."""
    scale: float = 1.0
    lines: dict[str, list[tuple[float, Interval]]] = field(default_factory=dict)


def bars_chart(groups: Sequence[Bars], title: str, name: str) -> Markup:
    """Horizontal bars of shares in percent, one colour a series."""
    series = max(len(group.values) for group in groups)
    pitch = series * _STEP + _GAP

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, group in enumerate(groups):
            for index, interval in enumerate(group.values):
                if interval is not None:
                    _bar(axes, row * pitch + index * _STEP, interval, colour(index))
        middle = (series - 1) * _STEP / 2
        axes.set_yticks(
            [row * pitch + middle for row in range(len(groups))], [short(each.label) for each in groups]
        )
        axes.set_ylim((len(groups) - 1) * pitch + series * _STEP - _STEP / 2, -_STEP)
        axes.set_xlim(0, 100)
        axes.xaxis.set_major_formatter("{x:.0f} %")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", lw=0.6)
        axes.set_axisbelow(True)

    return draw(name, title, 0.45 + pitch * len(groups), paint)


def points_chart(values: Mapping[str, Interval], label: str, title: str, name: str) -> Markup:
    """One number of each series with its interval, on an axis that need not begin at zero."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for row, interval in enumerate(values.values()):
            axes.plot([interval.low, interval.high], [row, row], color=INK, lw=1)
            axes.plot(interval.value, row, "o", color=colour(row), ms=6)
        axes.set_yticks(range(len(values)), [short(name) for name in values])
        axes.set_ylim(len(values) - 0.4, -0.6)
        axes.set_xlabel(harmless(label))
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", lw=0.6)

    return draw(name, title, 0.65 + 0.22 * len(values), paint)


def loss_chart(curves: Sequence[LossCurve]) -> Markup:
    """Training loss over optimizer steps, one line a curve."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for index, curve in enumerate(curves):
            marker = "o" if len(curve.steps) == 1 else None
            label = short(curve.name)
            axes.plot(
                curve.steps, curve.losses, color=colour(index + 1), lw=1.4, marker=marker, label=label
            )
        axes.set_xlabel("optimizer step")
        axes.set_ylabel("loss, nats per token")
        axes.grid(axis="y", lw=0.6)
        _legend(axes, len(curves))

    return draw("loss", "Training loss", 2.7 + 0.1 * len(curves), paint)


def trade_chart(systems: Mapping[str, tuple[Interval, Interval]]) -> Markup:
    """Agent success (upwards) against general loss (to the right is worse), one point a system."""

    def paint(figure: Figure) -> None:
        axes = figure.subplots()
        for index, (loss, success) in enumerate(systems.values()):
            axes.errorbar(
                loss.value,
                100 * success.value,
                xerr=_error(loss),
                yerr=_error(success, 100),
                fmt="o",
                color=colour(index),
                capsize=2,
                lw=1,
                ms=6,
            )
        axes.set_xlabel("general loss, nats per token (left is better)")
        axes.set_ylabel("agent success, %")
        axes.grid(lw=0.6)

    return draw("trade", "Agent success against general loss, by system", 3.2, paint)


def weight_chart(panels: Sequence[Panel], axis: str, name: str) -> Markup:
    """Metrics over a weight of a composition, a panel for each scale."""

    def paint(figure: Figure) -> None:
        drawn = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
        number = 0
        for axes, panel in zip(drawn, panels, strict=True):
            for label, points in panel.lines.items():
                number += 1
                _line(axes, points, panel.scale, colour(number), label)
            axes.set_ylabel(harmless(panel.label))
            axes.grid(axis="y", lw=0.6)
            _legend(axes, len(panel.lines))
        drawn[-1].set_xlabel(harmless(axis))

    return draw(name, f"Metrics over {axis}", 0.5 + 2.1 * len(panels), paint)


def _line(
    axes: Axes, points: Sequence[tuple[float, Interval]], scale: float, shade: str, label: str
) -> None:
    places = [place for place, _ in points]
    values = [scale * interval.value for _, interval in points]
    below = [scale * (interval.value - interval.low) for _, interval in points]
    above = [scale * (interval.high - interval.value) for _, interval in points]
    style = {"fmt": "o-", "capsize": 2, "lw": 1.4, "ms": 5}
    axes.errorbar(places, values, yerr=[below, above], color=shade, label=short(label), **style)


def _bar(axes: Axes, position: float, interval: Interval, shade: str) -> None:
    style = {"ecolor": INK, "elinewidth": 0.9, "capsize": 1.5}
    axes.barh(
        position,
        100 * interval.value,
        height=0.86 * _STEP,
        color=shade,
        xerr=_error(interval, 100),
        error_kw=style,
    )


def _legend(axes: Axes, lines: int) -> None:
    """Above the drawing, where it covers nothing."""
    if lines:
        columns = min(lines, 3)
        axes.legend(ncols=columns, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8, edgecolor=GRID)


def _error(interval: Interval, scale: float = 1.0) -> list[list[float]]:
    """How far the interval reaches below and above its value, as matplotlib wants it."""
    return [[scale * (interval.value - interval.low)], [scale * (interval.high - interval.value)]]


def short(label: str, limit: int = 26) -> str:
    """A label that fits beside a drawing."""
    label = harmless(label)
    label = f" {label}" if label.startswith("_") else label  # matplotlib leaves such labels out
    return label if len(label) <= limit else label[: limit - 1] + "…"
