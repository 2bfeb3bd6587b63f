"""Which ids outside stand for the ids in a box.

The idea: root in a box is somebody without rights outside. There are three ways to get there. Real root
maps a range of ids that nobody uses, another for each box (the range that systemd-nspawn draws from). An
ordinary user maps the range that the administrator gave in `/etc/subuid`, through `newuidmap`. Where
neither can be had one id is mapped: an ordinary user's own, or 65534 when the program is root. Then there
is root in a box and no second user.

Invariant: with any way, no id in a box is id 0 outside.
"""

from __future__ import annotations

import os
import pwd
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Way = Literal["range", "helper", "single"]

WHOLE = 65_536
LEAST = 2_000
"""Ids that a box needs to make users, who begin at 1000."""
FIRST, LAST = 524_288, 1_878_982_656
NOBODY = 65_534
SINGLE = (
    "Only one id can be mapped here, so boxes have no second user. To have them, give this user a range in "
    "/etc/subuid and /etc/subgid and install uidmap (newuidmap)."
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The ids of a box: ids 0 to `count` - 1 inside are `base` and up outside."""

    way: Way
    base: int
    group_base: int
    count: int

    @property
    def several(self) -> bool:
        """Whether a box can have users besides root."""
        return self.count > 1

    def inside(self, number: int, group: bool = False) -> int:
        """The id inside that an id outside is; 65534 for one that the box does not know."""
        place = number - (self.group_base if group else self.base)
        return place if 0 <= place < self.count else NOBODY


def draw() -> Identity:
    """The ids of a new box, by the best way that there is."""
    if os.geteuid() == 0:
        return _of_root(Path("/proc/self/uid_map").read_text(), Path("/proc/self/gid_map").read_text())
    return _of_user(os.geteuid(), os.getegid(), Path("/etc/subuid"), Path("/etc/subgid"))


def _of_root(uid_map: str, gid_map: str) -> Identity:
    """Ids that this root itself may use; a container's root may have few."""
    ids, groups = _last_id(uid_map), _last_id(gid_map)
    top = min(ids, groups)
    if top >= FIRST + WHOLE:
        slots = (min(top, LAST) - FIRST) // WHOLE
        base = FIRST + WHOLE * random.SystemRandom().randrange(slots)
        return Identity("range", base, base, WHOLE)
    if top > WHOLE // 2 + LEAST:  # 65,536 ids of a container: the upper ones belong to nobody
        return Identity("range", WHOLE // 2, WHOLE // 2, min(top - WHOLE // 2, NOBODY - WHOLE // 2))
    return Identity("single", NOBODY, NOBODY, 1)


def _last_id(text: str) -> int:
    """The first id that is not mapped any more in a map that begins at 0."""
    lines = sorted(tuple(map(int, line.split())) for line in text.splitlines())
    end = 0
    for inside, _, count in lines:
        if inside == end:
            end = inside + count
    return end


def _of_user(user: int, group: int, subuid: Path, subgid: Path) -> Identity:
    helpers = shutil.which("newuidmap"), shutil.which("newgidmap")
    ids, groups = _subordinate(subuid, user), _subordinate(subgid, user)
    if None in helpers or ids is None or groups is None:
        return Identity("single", user, group, 1)
    return Identity("helper", ids[0], groups[0], min(ids[1], groups[1], WHOLE))


def _subordinate(file: Path, user: int) -> tuple[int, int] | None:
    """The first range in `/etc/subuid` (or `subgid`) that is large enough for this user."""
    names = {str(user)}
    try:
        names.add(pwd.getpwuid(user).pw_name)
        lines = file.read_text().splitlines()
    except (KeyError, OSError):
        return None
    for line in lines:
        name, _, numbers = line.partition(":")
        base, _, count = numbers.partition(":")
        if name in names and base.isdigit() and count.isdigit() and int(count) >= LEAST:
            return int(base), int(count)
    return None
