"""What commands that copy a file have in common: rows put aside with their reason, and a counter.

Invariant: the file of rejected rows is there only when there are some.
"""

from __future__ import annotations

from contextlib import ExitStack, suppress
from pathlib import Path
from typing import IO

from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from trajectune.storage import Rejected, encode, open_atomic
from trajectune.terminal import Terminal


class Quarantine:
    """A sink that writes rejected rows to a file, which exists only when there are some."""

    def __init__(self, path: Path, stack: ExitStack) -> None:
        self.path = path
        self.count = 0
        self.line = 0
        """Line of IN of the example that is being written."""
        self._stack = stack
        self._file: IO[bytes] | None = None
        with suppress(OSError):  # that of an earlier conversion says nothing about this one
            path.unlink()

    def append(self, row: Rejected, /) -> None:
        """Write one row: `line`, `reason`."""
        if self._file is None:
            self._file = self._stack.enter_context(open_atomic(self.path))
        self._file.write(encode({"line": row.line, "reason": row.reason}))
        self.count += 1


def counting(what: str = "rows") -> Progress:
    """A counter on stderr; silent where stderr is no terminal."""
    console = Terminal(stderr=True)
    columns = (
        SpinnerColumn(),
        TextColumn(f"{{task.description}} {{task.completed:,}} {what}"),
        TimeElapsedColumn(),
    )
    return Progress(*columns, console=console, disable=not console.is_terminal, transient=True)
