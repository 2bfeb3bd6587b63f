"""The funnel beside the paper's: for each source its own row, and what Table 1 has for it.

Invariant: the table for a terminal, the table of the page and the chart set the same rows beside each
other.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from trajectune.report.charts import short
from trajectune.report.svg import INK, colour, draw
from trajectune.report.table1 import PaperRow, paper_rows, together

LABELS = {1: "this run", 0: "AgentTuning, Table 1"}
"""Whose bars they are, by the series whose colour they have; the paper's is the grey one."""
_BAR = 0.38
"""Width of a bar, the distance of two sources being 1."""


class Source(Protocol):
    """What is asked of a funnel's row."""

    @property
    def source(self) -> str: ...
    @property
    def environment(self) -> str: ...
    @property
    def turns(self) -> float | None: ...
    @property
    def ratio(self) -> float | None: ...


class Compared(NamedTuple):
    """A row of a funnel and the paper's."""

    own: Source
    paper: PaperRow


def beside(row: Source) -> PaperRow | None:
    """What the paper has for a source; `None` where it has nothing."""
    return together(paper_rows(row.source, row.environment))


def paper_total(rows: Sequence[Source]) -> PaperRow | None:
    """The paper's rows beside all of these together, each once; `None` where it has none."""
    return together((each for row in rows for each in paper_rows(row.source, row.environment)), "total")


def funnel_chart(rows: Sequence[Source]) -> Markup | None:
    """Trajectories kept for each task, and turns in them, beside the paper's; `None` without its rows."""
    compared = [Compared(row, paper) for row in rows if (paper := beside(row))]
    if not compared:
        return None

    def paint(figure: Figure) -> None:
        ratio, turns = figure.subplots(1, 2, sharey=True)
        _paint(ratio, [(_percent(each.own.ratio), 100 * each.paper.ratio) for each in compared])
        _paint(turns, [(each.own.turns, each.paper.turns) for each in compared])
        ratio.set_xlabel("kept / tasks, %")
        turns.set_xlabel("average turns")
        places = [place + _BAR / 2 for place in range(len(compared))]
        ratio.set_yticks(places, [short(each.own.source, 20) for each in compared])
        ratio.set_ylim(len(compared) - 1 + 1.8 * _BAR, -0.8 * _BAR)
        patches = [Patch(color=colour(series), label=label) for series, label in LABELS.items()]
        figure.legend(handles=patches, ncols=2, loc="outside upper center", fontsize=8)

    return draw("funnel", "The funnel beside the paper's", 0.9 + 0.45 * len(compared), paint)


def _percent(share: float | None) -> float | None:
    return None if share is None else 100 * share


def _paint(axes: Axes, values: Sequence[tuple[float | None, float | None]]) -> None:
    """Two bars for each source, each with its number; what was not measured has none."""
    for index, series in enumerate(LABELS):
        for place, pair in enumerate(values):
            width, at = pair[index], place + index * _BAR
            if width is not None:
                axes.barh(at, width, height=0.9 * _BAR, color=colour(series))
                said = f"{width:.1f}" if width >= 1 else f"{width:.2f}"
                axes.text(width, at, f" {said}", va="center", fontsize=7, color=INK)
    axes.margins(x=0.2)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", lw=0.6)
    axes.set_axisbelow(True)
