"""A table for a terminal with sentences under it, which are not folded into its width."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from trajectune.harmless import one_line


def noted(table: Table, notes: Iterable[str]) -> RenderableType:
    """The table, and under it a line for each note that must not be overlooked."""
    return Group(table, *[Text(one_line(note), style="yellow") for note in notes if note])
