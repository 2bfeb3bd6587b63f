"""What a run shows on a terminal: lines for its stages, and bars for what they are at.

Invariant: nothing below `run/`, `report/` and `cli/` draws; it tells how far it is (`trajectune.progress`).
Where stderr is no terminal there are no bars, only lines.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console, RenderableType
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from trajectune.progress import OnProgress, Progress, listening
from trajectune.terminal import Terminal


class Display:
    """Lines and bars on stderr."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Terminal(stderr=True)
        self._bars: Bars | None = None
        self._tasks: dict[str, TaskID] = {}

    def say(self, line: str) -> None:
        """One line about the stage at hand."""
        self.console.print(f"  {escape(line)}", highlight=False, soft_wrap=True)

    def warn(self, line: str) -> None:
        """One line that must not be overlooked."""
        self.console.print(f"  [yellow]{escape(line)}[/]", highlight=False, soft_wrap=True)

    def show(self, table: RenderableType) -> None:
        """A table."""
        self.console.print(table)

    def title(self, line: str, about: str = "") -> None:
        """The beginning of a stage."""
        more = f" → {escape(about)}" if about else ""
        self.console.print(f"[bold]{escape(line)}[/]{more}", highlight=False, soft_wrap=True)

    @contextmanager
    def bars(self) -> Iterator[None]:
        """Bars may be drawn while the block runs; they are gone after it."""
        columns = (TextColumn("  {task.description}"), BarColumn(), MofNCompleteColumn())
        more = (TimeRemainingColumn(), TextColumn("{task.fields[note]}"))
        hidden = not (self.console.is_terminal or self.console.is_jupyter)
        with Bars(*columns, *more, console=self.console, disable=hidden, transient=True) as self._bars:
            try:
                with listening(self.on_progress):
                    yield
            finally:
                self._bars, self._tasks = None, {}

    def on_progress(self, progress: Progress) -> None:
        """Draw how far some work is."""
        if self._bars is None:
            return
        if progress.what not in self._tasks:
            self._tasks[progress.what] = self._bars.add_task(escape(progress.what), note="")
        self._bars.update(
            self._tasks[progress.what],
            completed=progress.done,
            total=progress.total,
            note=escape(progress.note),
        )


@contextmanager
def shown(on_progress: OnProgress | None) -> Iterator[OnProgress]:
    """Whom to tell of progress while the block runs: the caller's function, or bars where people look."""
    if on_progress is not None:
        yield on_progress
        return
    display = Display()
    with display.bars():
        yield display.on_progress
