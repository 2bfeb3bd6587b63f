"""matplotlib's drawings as inline SVG whose colours are the page's own, so that they follow dark and light.

The fixed colours that are drawn with are placeholders that become CSS variables afterwards; text stays
text, and whatever would reach beyond the drawing (metadata, style rules, ids that several charts share) is
taken out. Invariants: the same data gives the same bytes; a chart names no URL; text is escaped by
matplotlib.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from markupsafe import Markup, escape
from matplotlib.figure import Figure

from trajectune.harmless import harmless

SERIES = ("#010101", "#020202", "#030303", "#040404", "#050505", "#060606", "#070707", "#080808")
"""Colours of the first series, the second, …; `style.css` has a variable for each."""
INK, GRID = "#0a0a0a", "#0b0b0b"
_VARIABLES = {colour: f"var(--series-{i})" for i, colour in enumerate(SERIES, 1)} | {
    INK: "var(--soft)",
    GRID: "var(--line)",
}
WIDTH = 5.0  # inches: small, so that text stays readable when a phone shrinks the chart
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "text.color": INK,
    "axes.edgecolor": GRID,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "grid.color": GRID,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "text.parse_math": False,
}


def colour(index: int) -> str:
    """The colour of a series; beyond the last they begin again."""
    return SERIES[index % len(SERIES)]


def draw(name: str, title: str, height: float, paint: Callable[[Figure], None]) -> Markup:
    """The drawing that `paint` makes on a figure `height` inches high.

    `name` must be unique on the page; `title` is read out by screen readers.
    """
    with mpl.rc_context({**_STYLE, "svg.hashsalt": name}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")  # the reader's browser has it
        figure = Figure(figsize=(WIDTH, height), layout="constrained")
        paint(figure)
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return Markup(_inline(buffer.getvalue(), name, title))  # our own drawing, its text escaped


def _inline(text: str, name: str, title: str) -> str:
    """The drawing alone, with CSS variables for colours and a label for screen readers."""
    drawing = text[text.index("<svg") :]
    drawing = re.sub(r"<style.*?</style>|<metadata.*?</metadata>", "", drawing, flags=re.DOTALL)
    head, body = drawing.split(">", 1)
    box = re.search(r'viewBox="[^"]*"', head)
    body = re.sub(r'<g id="[A-Za-z]+_\d+">', "<g>", body)
    body = re.sub(r'(id="|url\(#|xlink:href="#|href="#)', rf"\g<1>{name}-", body)
    body = body.replace("xlink:href", "href")
    for placeholder, variable in _VARIABLES.items():
        body = body.replace(placeholder, variable)
    return f'<svg role="img" aria-label="{escape(harmless(title))}" {box[0] if box else ""}>{body}'
