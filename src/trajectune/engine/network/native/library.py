"""The C library: built for several kinds of processor at installation, chosen by what this one can do.

The idea: one source (`c/forward.c`) is compiled once for each *level*, a set of vector instructions. A
level that the compiler did not know is missing; without a compiler, all are, and PyTorch's path is taken.

`TRAJECTUNE_NATIVE` in the environment names a level to use instead of the best, or is `off`.
"""

from __future__ import annotations

import ctypes
import functools
import logging
import os
from importlib.util import find_spec
from pathlib import Path

import torch

from trajectune.engine.network.native.records import RECORDS
from trajectune.errors import ModelError

_log = logging.getLogger(__name__)

SWITCH = "TRAJECTUNE_NATIVE"
LEVELS = {
    "amx": ("avx512_bf16", "avx512_vnni", "amx_tile", "amx_int8", "amx_bf16"),
    "avx512": ("avx512_bf16", "avx512_vnni", "avx512_bw", "avx512_vl", "avx512_dq"),
    "avx2": ("avx2", "fma3"),
}
"""What a processor must be able to do, the best level first, as `torch.cpu.get_capabilities` names it."""


@functools.cache
def native_library() -> ctypes.CDLL | None:
    """The library for this processor; None where there is none, or where it is switched off.

    Raises ModelError for a level in the environment that is not one, or that this machine does not have.
    """
    wanted = os.environ.get(SWITCH, "")
    if wanted == "off":
        return None
    if wanted and wanted not in LEVELS:
        raise ModelError(f"{SWITCH}={wanted} names no level", remedy=f"use off, {' or '.join(LEVELS)}")
    for level in [wanted] if wanted else LEVELS:
        if supports(level) and (path := built(level)) is not None and (library := load(path)) is not None:
            return library
    if wanted:
        raise ModelError(
            f"{SWITCH}={wanted} asks for what this machine does not have",
            remedy="unset it, or install again with a C compiler on a processor of that kind",
        )
    if any(map(supports, LEVELS)):
        _log.warning(
            "decoding takes PyTorch's slower path: no C compiler was found when trajectune was installed"
        )
    return None


def supports(level: str) -> bool:
    """Whether this processor has a level's instructions."""
    able = torch.cpu.get_capabilities()
    return all(able.get(name, False) for name in LEVELS[level])


def built(level: str) -> Path | None:
    """The library of a level, as the installation left it beside this file."""
    spec = find_spec(f"trajectune.engine.network.native._{level}")
    return Path(spec.origin) if spec is not None and spec.origin is not None else None


def load(path: Path) -> ctypes.CDLL | None:
    """Opens a library; None if the kernel refuses it what it needs."""
    library = ctypes.CDLL(str(path))
    sizes = (ctypes.c_int32 * len(RECORDS))()
    library.trajectune_sizes(sizes)
    if list(sizes) != [ctypes.sizeof(record) for record in RECORDS]:
        raise ModelError(f"{path.name} was built from another version", remedy="install trajectune again")
    library.trajectune_room.restype = ctypes.c_size_t
    return library if library.trajectune_open() == 0 else None
