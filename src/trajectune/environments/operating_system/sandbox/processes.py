"""The processes of a box, seen from outside through `/proc`.

The idea: every process of a box is a descendant of bubblewrap, however it was orphaned, since the first
process of its namespace takes orphans in. What ends while it is looked at is left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

PAGE = os.sysconf("SC_PAGE_SIZE")


def children(process: int) -> list[int]:
    """The child processes of a process, oldest first; the kernel writes 0 for one that is just ending."""
    return [n for n in map(int, _read(process, f"task/{process}/children").split()) if n > 0]


def descendants(process: int) -> Iterator[int]:
    """All below a process, it excepted."""
    for child in children(process):
        yield child
        yield from descendants(child)


def memory(process: int) -> int:
    """Bytes of memory that a process has to itself."""
    fields = _read(process, "statm").split()
    return (int(fields[1]) - int(fields[2])) * PAGE if len(fields) > 2 else 0


def namespace(process: int) -> str:
    """The process namespace that a process is in; empty for one that has ended."""
    try:
        return os.readlink(f"/proc/{process}/ns/pid")  # noqa: PTH115
    except OSError:
        return ""


def command_line(process: int) -> list[str]:
    """The words a process was started with (it may have changed them)."""
    return _read(process, "cmdline").rstrip("\0").split("\0")


def _read(process: int, name: str) -> str:
    try:
        with open(f"/proc/{process}/{name}", "rb") as file:  # noqa: PTH123  (read ten times a second)
            return file.read(1 << 20).decode("utf-8", "replace")
    except OSError:
        return ""
