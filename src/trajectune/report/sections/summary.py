"""What was measured, for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import RenderableType
from rich.markup import escape
from rich.table import Table

from trajectune.report.contents import Entry, Page
from trajectune.report.sections.notes import noted
from trajectune.report.views import suites_of, systems_of, unmeasured, warnings_of
from trajectune.report.wording import NOTHING, measured, words


def measurement_table(entries: Sequence[Entry]) -> RenderableType:
    """Each system on each suite: the headline metric with its interval, and what it rests on.

    Under the table stands what was not measured, and what of the episodes broke, with the reasons.
    """
    page = Page(title="", entries=list(entries))
    table = Table("suite", "metric", box=box.SIMPLE)
    systems = systems_of(page)
    for system in systems:
        table.add_column(escape(system), justify="right")
    for view in suites_of(page):
        for name in view.metrics():
            is_headline = name == view.headline
            shown = [
                measured(view.metric(system, name), is_headline and view.is_share) for system in systems
            ]
            remarks = [view.remark(system) if is_headline else "" for system in systems]
            cells = [remark or cell for remark, cell in zip(remarks, shown, strict=True)]
            label = escape(words(name)) or NOTHING
            table.add_row(escape(view.name) if is_headline else "", label, *cells)
    return noted(table, [*unmeasured(page), *warnings_of(page)])
