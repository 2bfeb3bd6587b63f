"""Files that appear all at once.

The idea: content is written beside its place and moved there. Invariant: after a crash a file is the old
one or the new one, never a mixture.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from trajectune.errors import DataError


@contextlib.contextmanager
def open_atomic(path: Path | str) -> Iterator[IO[bytes]]:
    """Write a file beside its place and move it there when the block ends well; `.gz` is packed.

    Raises `DataError` where it cannot be written; whatever goes wrong, the old file stays.
    """
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    if path.is_dir():
        raise DataError(
            "expected a file, found a directory", where=str(path), remedy="name a file inside it"
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            if path.suffix == ".gz":
                # no name and no time inside, so that equal content gives equal files
                with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                    yield cast("IO[bytes]", packed)
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        _sync_directory(path.parent)
    except OSError as error:
        raise cannot_write(path, error) from None
    finally:
        with contextlib.suppress(OSError):
            part.unlink(missing_ok=True)


def write_atomic(path: Path | str, content: str | bytes) -> None:
    """Write a whole file so that readers see the old content or the new, never a part."""
    with open_atomic(path) as file:
        file.write(content.encode() if isinstance(content, str) else content)


def write_json(path: Path | str, value: Any) -> None:
    """Write a JSON file atomically, indented, keys in the order given."""
    write_atomic(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def write_folder(folder: Path, write: Callable[[Path], object]) -> None:
    """Fill a folder through `write` so that it appears whole, in place of what was there before."""
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write(part)
    for file in part.rglob("*"):
        if file.is_file():
            with file.open("rb") as opened:
                os.fsync(opened.fileno())
    shutil.rmtree(folder, ignore_errors=True)
    part.rename(folder)
    _sync_directory(folder.parent)


def cannot_write(path: Path, error: OSError) -> DataError:
    """What a user is told when the system refuses to write."""
    return DataError(
        f"the file cannot be written: {error.strerror or error}",
        where=str(path),
        remedy="check the path, the rights and the free space",
    )


def _sync_directory(directory: Path) -> None:
    """Make a rename last through a power cut; file systems that cannot are left alone."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
