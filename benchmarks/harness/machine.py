"""What a reader needs to repeat a run: the command, the code, the machine, the versions."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import time
from pathlib import Path
from typing import Any

import torch

from trajectune.report.sections.provenance import commit, hardware

PACKAGES = ("torch", "transformers", "tokenizers", "safetensors", "peft", "numpy", "pydantic")
"""Packages whose versions decide what a run gives."""
INSTRUCTIONS = ("avx2", "avx512_f", "avx512_vnni", "avx512_bf16", "amx_bf16", "amx_int8", "sve", "i8mm")
"""Of those that a processor may have, the ones that decide how fast it multiplies matrices."""


def machine(*packages: str, **settings: Any) -> dict[str, Any]:
    """The machine, the versions of what matters and of these packages, and settings such as the model."""
    return {
        "command": command(),
        "commit": commit(),
        "date": time.strftime("%Y-%m-%d"),
        "hardware": {
            **hardware(),
            "instructions": instructions(),
            "threads": torch.get_num_threads(),
            "memory_gb": memory_gb(),
        },
        "versions": versions(*PACKAGES, *packages),
        **settings,
    }


def command() -> str:
    """What was typed, without this machine's folders."""
    script, *arguments = sys.argv
    shown = [Path(each).name if Path(each).is_absolute() else each for each in arguments]
    return " ".join(["python", f"benchmarks/{Path(script).name}", *shown])


def versions(*packages: str) -> dict[str, str]:
    """Of Python and of these packages, `missing` where they are not installed."""
    return {"python": platform.python_version(), **{name: _version(name) for name in packages}}


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "missing"


def instructions() -> list[str]:
    """Those of `INSTRUCTIONS` that the processor has."""
    found = torch.cpu.get_capabilities()
    return [name for name in INSTRUCTIONS if found.get(name)]


def memory_gb() -> float | None:
    """Of the whole machine, in units of 10⁹ bytes."""
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None
