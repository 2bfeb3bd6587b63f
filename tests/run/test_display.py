"""What a run shows: lines always, bars only on a terminal, and nobody's words as markup."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from trajectune.progress import Progress
from trajectune.run import display as displays
from trajectune.run.display import Display


def shown(terminal: bool) -> tuple[Display, io.StringIO]:
    page = io.StringIO()
    console = Console(file=page, force_terminal=terminal, width=100, color_system=None)
    return Display(console), page


def test_lines_are_shown_as_they_are() -> None:
    display, page = shown(terminal=False)
    display.title("tune", "runs/[red]/tune")
    display.say("[bold] rows rejected")
    assert page.getvalue() == "tune → runs/[red]/tune\n  [bold] rows rejected\n"


def test_a_bar_is_drawn_on_a_terminal_and_gone_afterwards() -> None:
    display, page = shown(terminal=True)
    with display.bars():
        display.on_progress(Progress("database", 3, 8, "63 % solved"))
        display.on_progress(Progress("database", 4, 8))
    assert "database" in page.getvalue()
    assert "4/8" in page.getvalue()


def test_no_bar_is_drawn_into_a_file_or_outside_of_a_stage() -> None:
    display, page = shown(terminal=False)
    with display.bars():
        display.on_progress(Progress("database", 3, 8))
    display.on_progress(Progress("database", 4, 8))
    assert page.getvalue().strip() == ""


def test_progress_goes_to_the_caller_or_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[Progress] = []
    with displays.shown(told.append) as tell:
        tell(Progress("database", 1, 8))
    assert told == [Progress("database", 1, 8)]
    display, page = shown(terminal=True)
    monkeypatch.setattr(displays, "Display", lambda: display)
    with displays.shown(None) as tell:
        tell(Progress("database", 5, 8))
    assert "5/8" in page.getvalue()
