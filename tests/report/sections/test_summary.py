"""What a terminal shows of measurements."""

from __future__ import annotations

import pages
from rich.console import Console, RenderableType

from trajectune.evaluate.contract import Measurement
from trajectune.report.contents import Entry
from trajectune.report.sections.summary import measurement_table


def shown(table: RenderableType) -> str:
    console = Console(width=160, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(table)
    return captured.get()


def test_systems_stand_side_by_side() -> None:
    text = shown(measurement_table(pages.run_page().entries))
    success = next(line for line in text.splitlines() if "success" in line)
    assert success.split()[0] == "database"
    assert "6 % [3–13]" in success
    assert "62 % [51–72]" in success
    assert "select" not in text
    divergence = next(line for line in text.splitlines() if "divergence" in line)
    assert "–" in divergence


def test_skipped_suites_say_so() -> None:
    missing = Measurement(suite="toolbox", group="held-out", system=pages.who("a"), status="skipped")
    text = shown(measurement_table([Entry(system="a", measurement=missing)]))
    assert "toolbox" in text
    assert "skipped" in text


def test_names_are_no_markup() -> None:
    measured = pages.agent("[red]x[/red]", 0.5, suite="[bold]y")
    text = shown(measurement_table([Entry(system="[red]x[/red]", measurement=measured)]))
    assert "[red]x[/red]" in text
    assert "[bold]y" in text
