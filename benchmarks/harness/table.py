"""What a comparison found, in plain lines for the terminal: one for each part and side."""

from __future__ import annotations

from harness.comparison import Comparison
from harness.estimate import Estimate


def table(name: str, found: Comparison) -> str:
    """`name`, then rate and ratio of every side, and how many rounds stand behind them."""
    rows = [
        [part, side, _rate(found.rate(side, part)), _ratio(found, side, part)]
        for part in found.parts
        for side in found.sides
        if found.measures(side, part)
    ]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    return "\n  ".join([f"{name}: {_rounds(found)}", *lines])


def _rounds(found: Comparison) -> str:
    disturbed = len({where for where, _ in found.disturbed})
    watched = "" if found.watched else ", other processes not watched"
    return f"{len(found.counted)} rounds, {disturbed} disturbed, {found.seconds:.0f} s{watched}"


def _rate(rate: Estimate | None) -> str:
    return "–" if rate is None else f"{number(rate.median)} a second {interval(rate)}"


def _ratio(found: Comparison, side: str, part: str) -> str:
    if side == found.baseline and found.others:
        return ""
    if reason := found.refusal(side):
        return f"refused: {reason}"
    ratio = None if side == found.baseline else found.ratio(side, part)
    return "" if ratio is None else f"×{number(ratio.mean)} {interval(ratio)}"


def interval(value: Estimate) -> str:
    """`[1.9–2.1]`, nothing after a single round."""
    if value.low is None or value.high is None:
        return ""
    return f"[{number(value.low)}–{number(value.high)}]"


def number(value: float) -> str:
    """Three digits; whole where it has more."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def percent(share: float) -> str:
    """`3.1 %`."""
    return f"{100 * share:.0f} %" if share >= 0.1 else f"{100 * share:.2g} %"
