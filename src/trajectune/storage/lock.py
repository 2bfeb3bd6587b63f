"""One process at a time in a folder, or at a file that grows.

Invariant: the system frees the lock when its process dies, however it does; the empty file that carries it
(`.lock`, of a file `NAME`: `.NAME.lock`) may stay behind and means nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from trajectune.errors import RecipeError
from trajectune.storage.atomic import writing

LOCK = ".lock"


@contextmanager
def locked(path: Path | str, *, is_file: bool = False, remedy: str = "") -> Iterator[None]:
    """Keep other processes out of a folder, which is made, or away from a file.

    Raises `RecipeError` where another process is there already (`remedy` says what may be given in place of
    this path), and `DataError` for what the system refuses to write while the block runs.
    """
    path = Path(path).absolute()
    place = path.with_name(f".{path.name}{LOCK}") if is_file else path / LOCK
    lock = FileLock(place, timeout=0)
    with writing(path):
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout:
            raise RecipeError(
                f"another process works {'on this file' if is_file else 'in this folder'}",
                where=str(path),
                remedy=f"wait for it, or {remedy or 'give another place'}",
            ) from None
        try:
            yield
        finally:
            lock.release()
