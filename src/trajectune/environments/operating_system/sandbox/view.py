"""A box's own files and processes, looked at from outside.

The idea: whether a task was done is not asked of programs in the box, which an agent that is root there can
bend, but read from its file system directly.

Invariants: every path is resolved inside the box (`openat2` with `RESOLVE_IN_ROOT`): no link leads out, not
to the host, not to `/proc`, not even to the host's system folders that the box has. Only regular files are
read, and no more than `LARGEST` bytes of one.
"""

from __future__ import annotations

import ctypes
import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from trajectune.environments.operating_system.sandbox import processes
from trajectune.environments.operating_system.sandbox.box import Box

LARGEST = 1 << 20
MANY = 5_000
"""Names that are listed at most."""

_OPENAT2 = 437  # the same on every architecture
_NO_OTHER_MOUNT, _NO_MAGIC, _IN_ROOT = 0x01, 0x02, 0x10
_RESOLVE = _NO_OTHER_MOUNT | _NO_MAGIC | _IN_ROOT
_C = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True, slots=True)
class Entry:
    """What a path is: its kind (`file`, `folder`, `link` or `other`), mode, owner and group inside."""

    kind: str
    mode: int
    owner: int
    group: int


class View:
    """`with View(box) as view: view.text("/etc/passwd")`. Raises `OSError` where the box is gone."""

    def __init__(self, box: Box) -> None:
        if box.gone:
            raise ProcessLookupError(box.gone)
        self._box = box
        self._root = os.open(f"/proc/{box.supervisor}/root", os.O_PATH | os.O_DIRECTORY)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        del kind, error, trace
        os.close(self._root)

    def text(self, path: str) -> str | None:
        """The text of a file; `None` where there is no regular file, or one that is too large."""
        data = self.data(path)
        return None if data is None else data.decode("utf-8", "replace")

    def data(self, path: str) -> bytes | None:
        """The bytes of a file; `None` as in `text`."""
        with self._open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY) as descriptor:
            if descriptor is None or not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return None
            with open(descriptor, "rb", closefd=False) as file:
                data = file.read(LARGEST + 1)
        return data if len(data) <= LARGEST else None

    def entry(self, path: str) -> Entry | None:
        """What a path is, links not followed; `None` where there is nothing."""
        with self._open(path, os.O_PATH | os.O_NOFOLLOW) as descriptor:
            return None if descriptor is None else self._entry(os.fstat(descriptor))

    def target(self, path: str) -> str | None:
        """Where a symbolic link points; `None` where there is none."""
        with self._open(path, os.O_PATH | os.O_NOFOLLOW) as descriptor:
            if descriptor is None or not stat.S_ISLNK(os.fstat(descriptor).st_mode):
                return None
            return os.readlink("", dir_fd=descriptor)

    def names(self, path: str) -> list[str] | None:
        """What lies in a folder and below, as sorted relative paths; folders end in `/`."""
        found: list[str] = []
        waiting = [""]
        while waiting and len(found) < MANY:
            below = waiting.pop()
            with self._open(f"{path}/{below}", os.O_RDONLY | os.O_DIRECTORY) as descriptor:
                if descriptor is None:
                    return None
                with os.scandir(descriptor) as entries:
                    for entry in entries:
                        folder = entry.is_dir(follow_symlinks=False)
                        name = f"{below}{entry.name}{'/' if folder else ''}"
                        found.append(name)
                        if folder:
                            waiting.append(name)
        return sorted(found[:MANY])

    def commands(self) -> list[list[str]]:
        """The command lines of all processes but the shells that the box itself has started."""
        own = {self._box.supervisor, *processes.children(self._box.process)}
        return [
            processes.command_line(number)
            for number in processes.descendants(self._box.process)
            if number not in own
        ]

    def _entry(self, found: os.stat_result) -> Entry:
        kinds = {stat.S_IFREG: "file", stat.S_IFDIR: "folder", stat.S_IFLNK: "link"}
        identity = self._box.identity
        return Entry(
            kinds.get(stat.S_IFMT(found.st_mode), "other"),
            stat.S_IMODE(found.st_mode),
            identity.inside(found.st_uid),
            identity.inside(found.st_gid, group=True),
        )

    @contextmanager
    def _open(self, path: str, flags: int) -> Iterator[int | None]:
        how = struct.pack("=QQQ", flags | os.O_CLOEXEC, 0, _RESOLVE)
        descriptor = _C.syscall(_OPENAT2, self._root, os.fsencode(path), how, len(how))
        try:
            yield descriptor if descriptor >= 0 else None
        finally:
            if descriptor >= 0:
                os.close(descriptor)
