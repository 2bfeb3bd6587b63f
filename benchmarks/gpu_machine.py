"""What the other numbers depend on: versions, the device, and its two ceilings."""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Callable, Iterator
from typing import Any

import torch

from decode import cpu_name, read_bandwidth
from gpu_models import DEVICE
from trajectune.models.precision import fastest_dtype
from trajectune.tune.forecast import measured_rate

PACKAGES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "numpy", "pydantic", "triton")


def cases(small: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Versions, and rates."""
    yield "versions", versions
    yield "device", lambda: torch.cuda.get_device_name() if DEVICE == "cuda" else cpu_name()
    yield "bf16_operations_per_second", lambda: measured_rate("bf16", DEVICE, 512 if small else 8192)
    yield "read_gigabytes_per_second", lambda: read_bandwidth(DEVICE) / 1e9
    yield "fastest_dtype", lambda: str(fastest_dtype(DEVICE))


def versions() -> dict[str, str]:
    """Of Python and of what decides about speed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found
