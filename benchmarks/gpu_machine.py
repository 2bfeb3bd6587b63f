"""What the other numbers depend on: versions, the device, and its two ceilings."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

from decoding import read_bandwidth
from gpu_models import DEVICE
from harness.machine import versions
from trajectune.models.precision import fastest_dtype, product_seconds
from trajectune.report.sections.provenance import hardware

PACKAGES = ("torch", "transformers", "peft", "tokenizers", "safetensors", "numpy", "pydantic", "triton")


def cases(small: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Versions, and rates."""
    yield "versions", lambda: versions(*PACKAGES)
    yield "device", lambda: torch.cuda.get_device_name() if DEVICE == "cuda" else hardware()["processor"]
    yield "bf16_operations_per_second", lambda: _matrix_rate(512 if small else 8192)
    yield "read_gigabytes_per_second", lambda: read_bandwidth(DEVICE) / 1e9
    yield "fastest_dtype", lambda: str(fastest_dtype(DEVICE))


def _matrix_rate(width: int) -> float:
    times = product_seconds(width, (width, width), torch.bfloat16, DEVICE, repeats=5)
    return 2.0 * width**3 / min(times)
