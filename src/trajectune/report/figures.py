"""Which charts a page has: from its entries, curves and losses to drawings.

Invariant: a chart is there only where it shows something that a table does not show better.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from trajectune.evaluate.intervals import Interval
from trajectune.report import charts
from trajectune.report.contents import Page
from trajectune.report.sections.beside import funnel_chart
from trajectune.report.views import SuiteView, suites_of, systems_of, trade

MOST_SERIES = 4
"""Systems up to which parts of a metric are drawn as bars; more are shown as a shaded table."""


@dataclass(frozen=True, slots=True)
class Figures:
    """The drawings; `None` or missing where there is nothing to draw."""

    headline: Markup | None
    """The headline metrics that are shares, by suite and system."""
    others: list[tuple[SuiteView, Markup]]
    """The headline metrics on other scales that the trade-off does not show, of three systems or more."""
    parts: dict[str, Markup]
    """Parts of the headline metric (kinds of task, sets of questions) by suite."""
    trade: Markup | None
    weights: list[Markup]
    loss: Markup | None
    funnel: Markup | None
    """Trajectories kept and their turns, beside the paper's."""


def figures_of(page: Page) -> Figures:
    """All drawings of a page."""
    systems, suites = systems_of(page), suites_of(page)
    placed = trade(page)
    drawn = [curve for curve in page.losses if curve.steps]
    return Figures(
        headline=_headline(suites, systems),
        others=_others([view for view in suites if view.group != "general" or not placed], systems),
        parts=_parts(suites, systems),
        trade=charts.trade_chart(placed) if len(placed) >= 3 else None,
        weights=_weights(page, suites),
        loss=charts.loss_chart(drawn) if drawn else None,
        funnel=funnel_chart(page.funnel),
    )


def _headline(suites: Sequence[SuiteView], systems: Sequence[str]) -> Markup | None:
    groups = [
        charts.Bars(view.name, [view.value(system) for system in systems])
        for view in suites
        if view.is_share and any(view.value(system) for system in systems)
    ]
    return charts.bars_chart(groups, "Headline metrics by suite and system", "headline") if groups else None


def _others(suites: Sequence[SuiteView], systems: Sequence[str]) -> list[tuple[SuiteView, Markup]]:
    found = []
    for index, view in enumerate(suites):
        values = {system: value for system in systems if (value := view.value(system)) is not None}
        if not view.is_share and len(values) >= 3:
            label = f"{view.headline}{' (left is better)' if view.lower_is_better else ''}"
            title = f"{view.name}: {view.headline} by system"
            found.append((view, charts.points_chart(values, label, title, f"other{index}")))
    return found


def _parts(suites: Sequence[SuiteView], systems: Sequence[str]) -> dict[str, Markup]:
    found = {}
    for index, view in enumerate(suites):
        names = view.headline_parts
        if names and view.is_share and len(systems) <= MOST_SERIES:
            groups = [charts.Bars(name, _part(view, name, systems)) for name in names]
            title = f"{view.name}: {view.headline} by part"
            found[view.name] = charts.bars_chart(groups, title, f"parts{index}")
    return found


def _part(view: SuiteView, part: str, systems: Sequence[str]) -> list[Interval | None]:
    """A part of the headline metric, for each system."""
    return [view.metric(system, f"{view.headline}/{part}") for system in systems]


def _weights(page: Page, suites: Sequence[SuiteView]) -> list[Markup]:
    """One chart for each weight, with a panel for shares and one for each other metric."""
    known = {view.name: view for view in suites}
    found = []
    for index, axis in enumerate(dict.fromkeys(curve.weight for curve in page.curves)):
        panels: dict[str, charts.Panel] = {}
        for curve in page.curves:
            view = known.get(curve.suite)
            if curve.weight == axis and view is not None and len(curve.points) > 1:
                label = "%" if view.is_share else view.headline
                scale = 100.0 if view.is_share else 1.0
                panel = panels.setdefault(label, charts.Panel(label, scale))
                panel.lines[f"{view.name}: {view.headline}"] = sorted(
                    curve.points, key=lambda each: each[0]
                )
        if panels:
            found.append(charts.weight_chart(list(panels.values()), axis, f"weight{index}"))
    return found
