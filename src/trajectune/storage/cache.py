"""Where trajectune keeps what it made once and may make again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trajectune.errors import DataError
from trajectune.storage.atomic import writing

_REMEDY = "set TRAJECTUNE_CACHE to a folder that can be written"


def cache_dir() -> Path:
    """`$TRAJECTUNE_CACHE`, else `~/.cache/trajectune`. Everything in it may be deleted at any time.

    Raises `DataError` for a user without a home folder.
    """
    root = os.environ.get("TRAJECTUNE_CACHE") or "~/.cache/trajectune"
    try:
        return Path(root).expanduser()
    except RuntimeError:
        raise DataError("this user has no home folder for the cache", remedy=_REMEDY) from None


@contextmanager
def filling(folder: Path) -> Iterator[None]:
    """Around what writes `folder` into the cache, whose parent is made.

    Raises `DataError` that names the variable to set where the cache cannot be written.
    """
    try:
        with writing(folder):
            folder.parent.mkdir(parents=True, exist_ok=True)
            yield
    except DataError as error:
        raise DataError(f"the cache: {error.what}", where=error.where, remedy=_REMEDY) from None
