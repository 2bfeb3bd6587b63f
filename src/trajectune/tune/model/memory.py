"""Keep the memory that one operation frees for the next one, in large pages, until tuning is over.

glibc gives every large block back to the kernel as soon as it is freed, and the kernel clears each page
of 4 KiB again on the next allocation. With tensors of megabytes that costs as much as the arithmetic. Here
`malloc` is told to keep what it has, and the kernel to use pages of 2 MiB for what it will get.

What is kept has holes: packs differ in size, and so do the blocks that each leaves behind. Holes that fit
nothing would add up step by step until memory is full, so now and then all of them go back (`Holes`).
"""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_USUAL_TRIM, _USUAL_MMAPS = 128 << 10, 65_536
"""glibc's own values."""
_ADVISE_LARGE, _ADVISE_SMALL = 14, 15
_PAGE = 1 << 21
_GROWTH = 1.15
"""The forecast of a tuning leaves a fifth of the free memory, and a trim costs a step's page faults."""


def keep_freed_memory() -> bool:
    """Set up glibc's allocator; False where there is no glibc."""
    libc = _glibc()
    if libc is None or not (libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, -1)):
        return False
    _advise(libc, _ADVISE_LARGE)
    return True


class Holes:
    """Bounds what a process grows by under `keep_freed_memory`: `settle` is called after each step."""

    def __init__(self, resident: Callable[[], float] | None = None) -> None:
        self._resident = resident or resident_memory
        self._lean: float | None = None
        """Bytes after the first step without old holes; `None` until it is done."""

    def settle(self) -> bool:
        """Hand all that is free to the kernel where holes have grown to `_GROWTH`; whether that was so."""
        now = self._resident()
        if self._lean is None:
            self._lean = now
        if now <= _GROWTH * self._lean:
            return False
        self._lean = None
        if (libc := _glibc()) is not None:
            libc.malloc_trim(0)
            _advise(libc, _ADVISE_LARGE)  # giving back the end of the heap lost it
        return True


def resident_memory() -> float:
    """Bytes of this process that are in memory; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0.0
    return float(pages * os.sysconf("SC_PAGE_SIZE"))


def give_back_freed_memory() -> None:
    """Hand what is free to the kernel, now and from now on: others need it, here or beside this process.

    What comes after a tuning frees blocks in another order. With the allocator left as it was for tuning,
    nothing of that would ever go back, and every small piece would take a large page.
    """
    gc.collect()
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)
        _advise(libc, _ADVISE_SMALL)
        libc.mallopt(_M_MMAP_MAX, _USUAL_MMAPS)
        libc.mallopt(_M_TRIM_THRESHOLD, _USUAL_TRIM)
        libc.malloc_trim(0)


@functools.cache
def _glibc() -> ctypes.CDLL | None:
    """The C library, where it is glibc."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        libc = ctypes.CDLL("libc.so.6")
    except OSError:
        return None
    if not (hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim")):  # another libc
        return None
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    return libc


def _advise(libc: ctypes.CDLL, pages: int) -> None:
    """Grow the heap by half of the memory without touching it, and say which pages it is to have."""
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    block = libc.malloc(size)
    if block:
        start = -(-block // _PAGE) * _PAGE
        libc.madvise(start, size - 2 * _PAGE, pages)
        libc.free(block)
