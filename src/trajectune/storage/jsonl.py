"""JSON Lines that grow by whole rows.

Invariant: after `kill -9` a file lacks at most the row that was being written; the torn rest of that row is
cut off on the next opening.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from contextlib import nullcontext, suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from pydantic import BaseModel

from trajectune.errors import DataError
from trajectune.storage.atomic import cannot_write
from trajectune.storage.text import decode, encode, parse_json

FSYNC_SECONDS = 5.0
"""A power cut costs at most the rows of this long; `kill -9` costs at most one row whatever this is."""


class JsonlWriter:
    """Appends rows to a JSONL file, each flushed as it is written. Use as a context manager.

    A torn last line of an existing file is cut off first. Call from one thread and one process.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._synced = time.monotonic()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("ab", buffering=0)
            _mend(self.path)
        except OSError as error:
            raise cannot_write(self.path, error) from None

    def write(self, record: BaseModel | Mapping[str, Any]) -> None:
        """Append one row. Raises `DataError` when the disk refuses; the file then ends as before."""
        line = encode(record)
        start = self._file.seek(0, os.SEEK_END)
        try:
            if self._file.write(line) != len(line):
                raise OSError(0, "the disk is full")
            if time.monotonic() - self._synced > FSYNC_SECONDS:
                os.fsync(self._file.fileno())
                self._synced = time.monotonic()
        except OSError as error:
            with suppress(OSError):  # then the next opening cuts it off
                self._file.truncate(start)
            raise cannot_write(self.path, error) from None

    def close(self) -> None:
        """Bring everything to the disk; again it does nothing. Raises `DataError` as `write` does."""
        if not self._file.closed:
            try:
                os.fsync(self._file.fileno())
            except OSError as error:
                raise cannot_write(self.path, error) from None
            finally:
                self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(DataError) if error is not None else nullcontext():  # the first trouble is told
            self.close()


def _mend(path: Path) -> None:
    """Cut off a torn last line; a whole last row that only lacks its line end is given one."""
    with path.open("r+b") as file:
        end = file.seek(0, os.SEEK_END)
        start = _start_of_last_line(file, end)
        if start == end:
            return
        file.seek(start)
        try:
            whole = isinstance(parse_json(decode(file.read())), dict)
        except ValueError:
            whole = False
        if whole:
            file.write(b"\n")
        else:
            file.truncate(start)


def _start_of_last_line(file: IO[bytes], end: int, block: int = 65_536) -> int:
    """Offset behind the last line end before `end`; reads backwards, so the size does not matter."""
    while end > 0:
        begin = max(0, end - block)
        file.seek(begin)
        found = file.read(end - begin).rfind(b"\n")
        if found >= 0:
            return begin + found + 1
        end = begin
    return 0
