"""Files that appear all at once.

The idea: content is written beside its place and moved there. Invariants: after a crash a file is the old
one or the new one, never a mixture; what the system refuses to write is a `DataError` that names the place.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

from trajectune.errors import DataError

_OF_THE_DISK = {
    errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EFBIG, errno.EIO, errno.EACCES, errno.EPERM,
    errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG,
}  # fmt: skip
# Libraries in Rust (safetensors, tokenizers) tell what the system refused by words alone.
_HALF_PAIR = re.compile("[\ud800-\udfff]")
_IN_RUST = re.compile(r"\bos error \d+|\bcode: \d+, kind:")


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
    text = json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False)
    if _HALF_PAIR.search(text):  # only an escape can carry it
        text = json.dumps(value, indent=2, allow_nan=False)
    write_atomic(path, text + "\n")


def write_folder(folder: Path, write: Callable[[Path], object]) -> None:
    """Fill a folder through `write` so that it appears whole, in place of what was there before.

    Raises `DataError` where it cannot be written; the old folder then stays.
    """
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    try:
        with writing(folder):
            part.mkdir(parents=True)
            write(part)
            for file in part.rglob("*"):
                if file.is_file():
                    with file.open("rb") as opened:
                        os.fsync(opened.fileno())
            shutil.rmtree(folder, ignore_errors=True)
            part.rename(folder)
    except DataError:
        shutil.rmtree(part, ignore_errors=True)  # it may be what fills the disk
        raise
    _sync_directory(folder.parent)


@contextlib.contextmanager
def writing(path: Path | str) -> Iterator[None]:
    """Raises as `DataError` what the system refuses to write in the block; `path` where it names none.

    Other errors of the system (of the network, of a missing program) go on upwards as they are.
    """
    try:
        yield
    except OSError as error:
        if error.errno not in _OF_THE_DISK:
            raise
        raise cannot_write(Path(str(error.filename or path)), error) from None
    except Exception as error:
        if isinstance(error, DataError) or not _IN_RUST.search(str(error)):
            raise
        raise cannot_write(Path(path), error) from None


def cannot_write(path: Path, error: Exception) -> DataError:
    """What a user is told when the system refuses to write."""
    return DataError(
        f"the file cannot be written: {getattr(error, 'strerror', None) or error}",
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
