"""The result in a few sentences, at the top of the page.

Invariant: a sentence says only what was measured, with the number of tasks, and names both systems where it
compares two.
"""

from __future__ import annotations

from trajectune.evaluate.intervals import Interval
from trajectune.report.contents import Page
from trajectune.report.views import AGENT_GROUPS, SuiteView, suites_of, systems_of
from trajectune.report.wording import percent

MOST = 4
"""Sentences at most: the table says the rest."""


def headline(page: Page) -> list[str]:
    """What the first and the last system can do, or who of several does best and what was recovered."""
    systems, suites = systems_of(page), suites_of(page)
    if len(systems) > 2:
        best = [_best(view, systems) for view in suites if view.group in AGENT_GROUPS]
        found = [*_gaps(page), *best, *(_range(view, systems) for view in suites if view.lower_is_better)]
    else:
        found = [_of_two(view, systems) for view in suites]
    shown = [sentence for sentence in [*found, _data(page)] if sentence][:MOST]
    return [sentence[0].upper() + sentence[1:] for sentence in shown] or ["Nothing was measured."]


def _data(page: Page) -> str:
    """How much data was made, where nothing was measured with it."""
    if page.entries or not page.funnel:
        return ""
    kept, episodes = (sum(getattr(row, name) for row in page.funnel) for name in ("kept", "episodes"))
    return f"{kept:,} of {episodes:,} episodes became training data, from {len(page.funnel)} sources."


def _of_two(view: SuiteView, systems: list[str]) -> str:
    """A sentence for one suite and one or two systems."""
    before, after = (view.value(system) for system in (systems[0], systems[-1]))
    if before is None and after is None:
        return ""
    if len(systems) == 1 or before is None or after is None:
        who, only = (systems[0], before) if before is not None else (systems[-1], after)
        return _alone(view, who, only)
    if view.group in AGENT_GROUPS and view.is_share:
        was, now = round(100 * before.value), round(100 * after.value)
        sign = "from" if was != now else "unchanged, from"
        return f"{view.headline.capitalize()} {sign} {was} % to {now} % of {_tasks(view, systems[-1])}."
    return f"{_subject(view)} {_change(view, before.value, after.value)}."


def _alone(view: SuiteView, system: str, value: Interval | None) -> str:
    if view.group in AGENT_GROUPS and view.is_share:
        return f"{system} solves {percent(value)} of {_tasks(view, system)}."
    return "" if value is None else f"{_subject(view)} {_number(view, value.value)} ({system})."


def _best(view: SuiteView, systems: list[str]) -> str:
    """Who does best on a suite of agent skill, against the first system."""
    values = {system: value.value for system in systems if (value := view.value(system)) is not None}
    if not values or not view.is_share:
        return ""
    if len(values) > 1 and len(set(values.values())) == 1:
        return f"No difference on {view.name}: all systems have {percent(view.value(next(iter(values))))}."
    best = max(values, key=lambda system: values[system])
    first = systems[0]
    against = f", {first} {100 * values[first]:.0f} %" if first in values and first != best else ""
    return f"Best on {view.name}: {best} with {percent(view.value(best))}{against}."


def _range(view: SuiteView, systems: list[str]) -> str:
    """What a loss is of the first system, and between which values it lies for the others."""
    first, *others = (view.value(system) for system in systems)
    values = [interval.value for interval in others if interval is not None]
    if first is None or not values:
        return ""
    low, high = (_number(view, end) for end in (min(values), max(values)))
    return f"{_subject(view)}: {systems[0]} {_number(view, first.value)}, the others {low} to {high}."


def _gaps(page: Page) -> list[str]:
    return [
        f"{gap.system} closes {percent(gap.share)} of the gap from {gap.floor} to {gap.ceiling} "
        f"on {gap.suite}."
        for gap in page.gaps
        if gap.share is not None
    ]


def _subject(view: SuiteView) -> str:
    """`General loss` for a suite called so, else suite and metric."""
    name = view.name.replace("-", " ")
    return (name if name.endswith(view.headline) else f"{name}: {view.headline}").capitalize()


def _change(view: SuiteView, was: float, now: float) -> str:
    if view.is_share:
        return f"{_number(view, was)} to {_number(view, now)}"
    note = "; lower is better" if view.lower_is_better else ""
    return f"{_number(view, was)} to {_number(view, now)} ({now - was:+.3f}{note})"


def _number(view: SuiteView, value: float) -> str:
    return f"{100 * value:.0f} %" if view.is_share else f"{value:.3f}"


def _tasks(view: SuiteView, system: str) -> str:
    """`84 unseen database tasks`; the number of one seed."""
    counts = [entry.measurement.counts.get("episodes") for entry in view.entries_of(system)]
    return f"{next(filter(None, counts), '')} unseen {view.name} tasks".lstrip()
