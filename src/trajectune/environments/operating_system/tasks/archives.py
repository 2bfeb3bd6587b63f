"""What is in an archive that an agent has made: read in memory, with a limit on all that comes out of it.

Invariant: nothing is written, and an archive that unpacks to more than `MOST` bytes is no archive here.
"""

from __future__ import annotations

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterator

MOST = 4 << 20
"""Bytes that an archive may unpack to."""
_UNREADABLE = (
    OSError, EOFError, ValueError, RuntimeError, NotImplementedError,
    zlib.error, lzma.LZMAError, tarfile.TarError, zipfile.BadZipFile,
)  # fmt: skip


def texts(data: bytes) -> dict[str, str] | None:
    """The regular files of a tar (plain, gz, bz2, xz) or zip archive, by path; `None` for anything else."""
    for members in (_zip, _tar):
        try:
            found = dict(members(data))
        except _UNREADABLE:
            continue
        return {
            name.removeprefix("./"): text.decode("utf-8", "replace").rstrip()
            for name, text in found.items()
        }
    return None


def _tar(data: bytes) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(fileobj=io.BytesIO(_unpacked(data)), mode="r:") as archive:
        left = MOST
        for member in archive:
            file = archive.extractfile(member) if member.isfile() else None
            if file is not None:
                text = file.read(left + 1)
                left = _less(left, len(text))
                yield member.name, text


def _zip(data: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        left = MOST
        for member in archive.infolist():
            if not member.is_dir():
                with archive.open(member) as file:
                    text = file.read(left + 1)
                left = _less(left, len(text))
                yield member.filename, text


def _unpacked(data: bytes) -> bytes:
    """The tar inside a compressed one."""
    if data.startswith(b"\x1f\x8b"):
        plain = zlib.decompressobj(wbits=31).decompress(data, MOST + 1)
    elif data.startswith(b"BZh"):
        plain = bz2.BZ2Decompressor().decompress(data, MOST + 1)
    elif data.startswith(b"\xfd7zXZ"):
        plain = lzma.LZMADecompressor(memlimit=64 << 20).decompress(data, MOST + 1)
    else:
        return data
    _less(MOST, len(plain))
    return plain


def _less(left: int, taken: int) -> int:
    if taken > left:
        raise ValueError("the archive is too large")
    return left - taken
