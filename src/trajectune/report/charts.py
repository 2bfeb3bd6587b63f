"""Charts as inline SVG whose colours are the page's own, so that they follow dark and light.

matplotlib draws; its fixed colours are placeholders that become CSS variables afterwards, its text stays
text, and whatever would reach beyond the drawing (metadata, style rules, ids that several charts share)
is taken out.

Invariants: the same data gives the same bytes; a chart names no URL; text is escaped by matplotlib.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trajectune.evaluate.intervals import Interval
from trajectune.report.contents import LossCurve as Curve

_SERIES = ("#010101", "#020202", "#030303", "#040404", "#050505", "#060606")
_INK, _GRID = "#0a0a0a", "#0b0b0b"
_VARIABLES = {colour: f"var(--series-{i})" for i, colour in enumerate(_SERIES, 1)} | {
    _INK: "var(--soft)",
    _GRID: "var(--line)",
}
_WIDTH = 5.0  # inches: small, so that text stays readable when a phone shrinks the chart
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": _INK,
    "axes.edgecolor": _GRID,
    "axes.labelcolor": _INK,
    "xtick.color": _INK,
    "ytick.color": _INK,
    "grid.color": _GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.parse_math": False,
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A pair of bars: one label, a value before and one after (either may be missing)."""

    label: str
    before: Interval | None
    after: Interval | None


def loss_chart(curves: Sequence[Curve]) -> str:
    """Training loss by source, over optimizer steps. Sources beyond the sixth share colours."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": "loss"}):
        figure, axes = _figure(2.7)
        for index, curve in enumerate(curves):
            colour = _SERIES[index % len(_SERIES)]
            marker = "o" if len(curve.steps) == 1 else None
            axes.plot(curve.steps, curve.losses, color=colour, lw=1.6, marker=marker, label=curve.source)
        axes.set_xlabel("optimizer step")
        axes.set_ylabel("loss, nats per token")
        axes.grid(axis="y", lw=0.6)
        axes.legend(frameon=False)
        return _svg(figure, "loss", "Training loss by source")


def before_after_chart(bars: Sequence[Bar], title: str, name: str) -> str:
    """Horizontal pairs of shares in percent, with their intervals."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure, axes = _figure(0.75 + 0.46 * len(bars))
        for series, (label, offset) in enumerate((("before", -0.19), ("after", 0.19))):
            for row, bar in enumerate(bars):
                interval = bar.before if series == 0 else bar.after
                if interval is not None:
                    _bar(axes, row + offset, interval, _SERIES[series], label if row == 0 else None)
        axes.set_yticks(range(len(bars)), [_short(bar.label) for bar in bars])
        axes.set_ylim(len(bars) - 0.45, -0.55)
        axes.set_xlim(0, 100)
        axes.xaxis.set_major_formatter("{x:.0f} %")
        axes.tick_params(axis="y", length=0)
        axes.grid(axis="x", lw=0.6)
        axes.set_axisbelow(True)
        return _svg(figure, name, title)


def trade_chart(arms: Mapping[str, tuple[Interval, Interval]]) -> str:
    """Agent success (upwards) against general loss (to the right is worse), one point for each arm."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": "trade"}):
        figure, axes = _figure(3.2)
        for index, (arm, (loss, success)) in enumerate(arms.items()):
            colour = _SERIES[1 + index % (len(_SERIES) - 1)]  # the first is the pale one for "before"
            axes.errorbar(
                loss.value,
                100 * success.value,
                xerr=[[loss.value - loss.low], [loss.high - loss.value]],
                yerr=[[100 * (success.value - success.low)], [100 * (success.high - success.value)]],
                fmt="o",
                color=colour,
                capsize=3,
                lw=1.2,
                ms=6,
                label=arm,
            )
        axes.set_xlabel("general loss, nats per token (left is better)")
        axes.set_ylabel("agent success, %")
        axes.grid(lw=0.6)
        axes.legend(frameon=False)
        return _svg(figure, "trade", "Agent success against general loss, by arm")


def weight_chart(
    success: Mapping[str, Sequence[tuple[float, Interval]]],
    loss: Sequence[tuple[float, Interval]],
    symbol: str,
    name: str,
) -> str:
    """Success of each environment, and below it general loss, over the weight of a composition."""
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}):
        figure = Figure(figsize=(_WIDTH, 4.4 if loss else 2.7), layout="constrained")
        panels = figure.subplots(2 if loss else 1, sharex=True, squeeze=False)[:, 0]
        for index, (environment, points) in enumerate(success.items()):
            _line(panels[0], points, 100, _SERIES[1 + index % (len(_SERIES) - 1)], environment)
        panels[0].set_ylabel("agent success, %")
        panels[0].legend(frameon=False)
        if loss:
            _line(panels[1], loss, 1, _SERIES[0], "general loss")
            panels[1].set_ylabel("general loss,\nnats per token")
        panels[-1].set_xlabel(symbol)
        return _svg(figure, name, f"Agent success and general loss over {symbol}")


def _line(
    axes: Axes, points: Sequence[tuple[float, Interval]], scale: float, colour: str, label: str
) -> None:
    places = [place for place, _ in points]
    values = [scale * interval.value for _, interval in points]
    below = [scale * (interval.value - interval.low) for _, interval in points]
    above = [scale * (interval.high - interval.value) for _, interval in points]
    axes.errorbar(
        places, values, yerr=[below, above], fmt="o-", color=colour, capsize=3, lw=1.4, ms=5, label=label
    )
    axes.grid(axis="y", lw=0.6)


def _figure(height: float) -> tuple[Figure, Axes]:
    figure = Figure(figsize=(_WIDTH, height), layout="constrained")
    return figure, figure.subplots()


def _bar(axes: Axes, position: float, interval: Interval, colour: str, label: str | None) -> None:
    value = 100 * interval.value
    error = [[value - 100 * interval.low], [100 * interval.high - value]]
    style = {"ecolor": _INK, "elinewidth": 1, "capsize": 2}
    axes.barh(position, value, height=0.34, color=colour, label=label, xerr=error, error_kw=style)


def _short(label: str, limit: int = 26) -> str:
    return label if len(label) <= limit else label[: limit - 1] + "…"


def _svg(figure: Figure, name: str, title: str) -> str:
    """The drawing alone, with CSS variables for colours and a label for screen readers."""
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    text = buffer.getvalue()
    drawing = text[text.index("<svg") :]
    drawing = re.sub(r"<style.*?</style>|<metadata.*?</metadata>", "", drawing, flags=re.DOTALL)
    head, body = drawing.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    body = re.sub(r'<g id="[A-Za-z]+_\d+">', "<g>", body)
    body = re.sub(r'(id="|url\(#|xlink:href="#|href="#)', rf"\g<1>{name}-", body)
    body = body.replace("xlink:href", "href")
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, variable)
    label = title.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
    return f'<svg role="img" aria-label="{label}" {box[0] if box else ""}>{body}'
