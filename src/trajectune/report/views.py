"""What the page's tables and charts show, computed from the entries of a page: rows, columns, cells.

Invariants: systems and suites keep the order of their first entries (suites by group first); a system's
number is its own interval where it has one seed, and the mean over seeds with Student's t where it has
several; what was not measured is an empty cell, what was skipped or failed says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import get_args

from trajectune.evaluate.contract import Group, Measurement
from trajectune.evaluate.intervals import Interval, over_seeds
from trajectune.evaluate.overall import overall
from trajectune.report.contents import Entry, Page

GROUPS: tuple[Group, ...] = get_args(Group)
AGENT_GROUPS = ("held-in", "held-out")


@dataclass(frozen=True, slots=True)
class SuiteView:
    """One suite: a column of the main table."""

    name: str
    group: Group
    headline: str
    lower_is_better: bool
    is_share: bool
    """Whether the headline metric is a share, to be shown in percent."""
    note: str
    entries: tuple[Entry, ...]

    def entries_of(self, system: str) -> list[Entry]:
        """The system's measurements, one a seed."""
        return [entry for entry in self.entries if entry.system == system]

    def metric(self, system: str, name: str) -> Interval | None:
        """A metric of a system, over its seeds; `None` where no seed has it."""
        found = [entry.measurement.metrics.get(name) for entry in self.entries_of(system)]
        return _over_seeds([interval for interval in found if interval is not None])

    def count(self, system: str, name: str) -> int | None:
        """A count of a system, added up over its seeds; `None` where no seed has it."""
        counts = [entry.measurement.counts for entry in self.entries_of(system)]
        found = [each[name] for each in counts if name in each]
        return sum(found) if found else None

    def value(self, system: str) -> Interval | None:
        """The headline metric of a system."""
        return self.metric(system, self.headline)

    def parts(self, metric: str) -> list[str]:
        """Names of the parts of a metric (`success/select` is the part `select`), in order."""
        names = (name for entry in self.entries for name in entry.measurement.metrics)
        begin = f"{metric}/"
        return list(dict.fromkeys(name.removeprefix(begin) for name in names if name.startswith(begin)))

    def metrics(self) -> list[str]:
        """Names of the whole metrics that some system has, the headline first."""
        names = (name for entry in self.entries for name in entry.measurement.metrics)
        return list(dict.fromkeys([self.headline, *(name for name in names if "/" not in name)]))

    @property
    def headline_parts(self) -> list[str]:
        """The parts of the headline metric: kinds of task, sets of questions."""
        return self.parts(self.headline)

    @property
    def has_errors(self) -> bool:
        """Whether kinds of error were counted."""
        return bool(self.parts("error"))

    def counted(self) -> list[str]:
        """Names of the whole counts that some system has."""
        names = (name for entry in self.entries for name in entry.measurement.counts)
        return list(dict.fromkeys(name for name in names if "/" not in name))

    def outcomes(self, system: str) -> list[str]:
        """How episodes of a system ended."""
        names = (name for entry in self.entries_of(system) for name in entry.measurement.counts)
        begin = "outcome/"
        return list(dict.fromkeys(name.removeprefix(begin) for name in names if name.startswith(begin)))

    def remark(self, system: str) -> str:
        """`skipped` or `failed` where no seed was measured; empty otherwise."""
        statuses = [entry.measurement.status for entry in self.entries_of(system)]
        return "" if "done" in statuses else next(iter(statuses), "")


def systems_of(page: Page) -> list[str]:
    """Names of the systems, in order."""
    return list(dict.fromkeys(entry.system for entry in page.entries))


def seeds_of(page: Page, system: str) -> list[int]:
    """Seeds of a system, in order."""
    return list(dict.fromkeys(entry.seed for entry in page.entries if entry.system == system))


def suites_of(page: Page) -> list[SuiteView]:
    """The suites, those of a group together."""
    groups: dict[str, list[Entry]] = {}
    for entry in page.entries:
        groups.setdefault(entry.measurement.suite, []).append(entry)
    views = [_view(name, entries) for name, entries in groups.items()]
    return sorted(views, key=lambda view: GROUPS.index(view.group))


def unmeasured(page: Page) -> list[str]:
    """A sentence for each reason why something was skipped or failed."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for entry in page.entries:
        each = entry.measurement
        if each.status != "done":
            found.setdefault((each.suite, each.status, each.reason), []).append(entry.system)
    return [
        f"{suite} {status} for {', '.join(dict.fromkeys(systems))}: {reason}"
        for (suite, status, reason), systems in found.items()
    ]


def warnings_of(page: Page) -> list[str]:
    """What whoever reads the numbers must know: of the data, then of the measurements."""
    found = dict.fromkeys(page.warnings)
    for entry in page.entries:
        each = entry.measurement
        found |= dict.fromkeys(f"{each.suite}, {entry.system}: {warning}" for warning in each.warnings)
    return list(found)


def overall_scores(page: Page) -> dict[str, dict[str, Interval]]:
    """Group → system → overall score against the page's reference models; empty without any."""
    found: dict[str, dict[str, Interval]] = {}
    for system in systems_of(page) if page.references else ():
        for group in GROUPS:
            scores = [
                score
                for seed in seeds_of(page, system)
                if (score := overall(_measured(page, system, seed, group), page.references)) is not None
            ]
            interval = over_seeds(scores)
            if interval is not None:
                found.setdefault(group, {})[system] = interval
    return found


def trade(page: Page) -> dict[str, tuple[Interval, Interval]]:
    """General loss and agent success of each system that has both (success: mean over suites)."""
    suites = suites_of(page)
    agent = [view for view in suites if view.group in AGENT_GROUPS and view.is_share]
    loss = next((view for view in suites if view.group == "general" and view.lower_is_better), None)
    placed = {}
    for system in systems_of(page) if loss else ():
        cost, skill = loss.value(system) if loss else None, _mean_of(agent, system)
        if cost is not None and skill is not None:
            placed[system] = cost, skill
    return placed


def _mean_of(suites: Sequence[SuiteView], system: str) -> Interval | None:
    """A system's headline over several suites: their mean seed by seed, then over seeds."""
    if len(suites) == 1:
        return suites[0].value(system)
    by_seed: dict[int, list[float]] = {}
    for view in suites:
        for entry in view.entries_of(system):
            if (value := entry.measurement.value) is not None:
                by_seed.setdefault(entry.seed, []).append(value.value)
    return over_seeds([fmean(values) for values in by_seed.values() if len(values) == len(suites)])


def _measured(page: Page, system: str, seed: int, group: Group) -> list[Measurement]:
    return [
        entry.measurement
        for entry in page.entries
        if (entry.system, entry.seed, entry.measurement.group) == (system, seed, group)
    ]


def _view(name: str, entries: Sequence[Entry]) -> SuiteView:
    done = [entry.measurement for entry in entries if entry.measurement.status == "done"]
    first = done[0] if done else entries[0].measurement
    values = [each.value for each in done if each.value is not None]
    return SuiteView(
        name=name,
        group=first.group,
        headline=first.headline,
        lower_is_better=first.lower_is_better,
        is_share=not first.lower_is_better and all(map(_within_one, values)),
        note=first.note,
        entries=tuple(entries),
    )


def _over_seeds(intervals: Sequence[Interval]) -> Interval | None:
    """One interval as it is; several as the mean of their values, kept within [0, 1] where all are."""
    if len(intervals) == 1:
        return intervals[0]
    mean = over_seeds([interval.value for interval in intervals])
    if mean is None or not all(map(_within_one, intervals)):
        return mean
    return Interval(value=mean.value, low=max(0.0, mean.low), high=min(1.0, mean.high))


def _within_one(interval: Interval) -> bool:
    return interval.low >= 0 and interval.high <= 1
