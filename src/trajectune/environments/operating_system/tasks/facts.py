"""Facts about a machine: the kinds that can be asked, each read from outside.

Invariant: a fact reads what an agent may have written, so no fact raises, and none executes anything.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Iterable
from typing import Any

from trajectune.environments.operating_system.sandbox.box import Box
from trajectune.environments.operating_system.sandbox.view import View
from trajectune.environments.operating_system.tasks import archives
from trajectune.environments.operating_system.tasks.problem import Fact

SETTLING = 0.5
"""Seconds in which processes that were told to end may do so."""


def text(view: View, path: str) -> str | None:
    """The text of a file, without space at the end of its lines and of the whole."""
    found = view.text(path)
    return None if found is None else "\n".join(line.rstrip() for line in found.splitlines()).rstrip()


def names(view: View, path: str) -> list[str] | None:
    """What lies in a folder and below."""
    return view.names(path)


def mode(view: View, path: str) -> str | None:
    """Permissions in octal, as in `640`."""
    entry = view.entry(path)
    return None if entry is None else f"{entry.mode:03o}"


def owner(view: View, path: str) -> str | None:
    """User and group by name, as in `ana:staff`."""
    entry = view.entry(path)
    if entry is None:
        return None
    people, groups = ({row[2]: row[0] for row in _table(view, f"/etc/{f}", 3)} for f in ("passwd", "group"))
    return f"{people.get(str(entry.owner), entry.owner)}:{groups.get(str(entry.group), entry.group)}"


def link(view: View, path: str) -> str | None:
    """Where a symbolic link points."""
    return view.target(path)


def user(view: View, name: str) -> dict[str, Any] | None:
    """A user's home, shell and groups; `None` where there is no such user."""
    rows = [row for row in _table(view, "/etc/passwd", 7) if row[0] == name]
    if not rows:
        return None
    groups = _table(view, "/etc/group", 4)
    found = {row[0] for row in groups if name in row[3].split(",")}
    found |= {row[0] for row in groups if row[2] == rows[0][3]}
    return {"home": rows[0][5], "shell": rows[0][6], "groups": sorted(found)}


def running(view: View, program: str) -> int:
    """How many processes run a program: its path is the first or the second word of their command line."""
    return sum(program in words[:2] for words in view.commands())


def variable(view: View, about: str) -> str | None:
    """The value that `FILE NAME` exports: the last `export NAME=value` in the file."""
    file, _, name = about.partition(" ")
    lines = (view.text(file) or "").splitlines()
    value = None
    for line in lines:
        if match := re.match(rf"\s*export\s+{re.escape(name)}=(.*)", line):
            value = _unquoted(match[1])
    return value


def archive(view: View, path: str) -> dict[str, str] | None:
    """The files in a tar or zip archive and their texts, by their path in it, without `./`."""
    data = view.data(path)
    return None if data is None else archives.texts(data)


KINDS: dict[str, Callable[[View, str], Any]] = {
    read.__name__: read for read in (text, names, mode, owner, link, user, running, variable, archive)
}


def hold(box: Box, facts: Iterable[Fact]) -> bool:
    """Whether all of them are so. False for a box that is gone."""
    left = [*facts]
    deadline = time.monotonic() + SETTLING
    try:
        with View(box) as view:
            while True:
                left = [fact for fact in left if KINDS[fact.kind](view, fact.about) != fact.wanted]
                if not left or any(fact.kind != "running" for fact in left) or time.monotonic() > deadline:
                    return not left
                time.sleep(0.02)
    except OSError:
        return False


def _table(view: View, path: str, columns: int) -> list[list[str]]:
    rows = [line.split(":") for line in (view.text(path) or "").splitlines()]
    return [row for row in rows if len(row) >= columns]


def _unquoted(written: str) -> str | None:
    try:
        words = shlex.split(written, comments=True)
    except ValueError:
        return None
    return words[0].removesuffix(";") if words else ""
