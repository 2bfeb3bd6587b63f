"""Keep the memory that one operation frees for the next one, in large pages, until tuning is over.

glibc gives every large block back to the kernel as soon as it is freed, and the kernel clears each page
of 4 KiB again on the next allocation. With tensors of megabytes that costs as much as the arithmetic. Here
`malloc` is told to keep what it has, and the kernel to use pages of 2 MiB for what it will get.
"""

from __future__ import annotations

import ctypes
import functools
import gc
import os
import sys
from contextlib import suppress

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4
_MADV_HUGEPAGE = 14
_PAGE = 1 << 21


@functools.cache
def keep_freed_memory() -> bool:
    """Set up glibc's allocator, once per process; False where there is no glibc."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        libc = ctypes.CDLL("libc.so.6")
        kept = libc.mallopt(_M_MMAP_MAX, 0) and libc.mallopt(_M_TRIM_THRESHOLD, -1)
    except (OSError, AttributeError):
        return False
    _advise_large_pages(libc)
    return bool(kept)


def give_back_freed_memory() -> None:
    """Hand what is free to the kernel: after a tuning others need it, in this process or beside it."""
    gc.collect()
    with suppress(OSError, AttributeError):  # another libc keeps nothing on our account
        ctypes.CDLL("libc.so.6").malloc_trim(0)


def _advise_large_pages(libc: ctypes.CDLL) -> None:
    """Grow the heap by half of the machine's memory without touching it, and ask for large pages there."""
    libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2
    block = libc.malloc(size)
    if block:
        start = -(-block // _PAGE) * _PAGE
        libc.madvise(start, size - 2 * _PAGE, _MADV_HUGEPAGE)
        libc.free(block)
