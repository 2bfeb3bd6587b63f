"""How fast this machine multiplies matrices, in which number format: measured, not assumed.

bf16 halves the bytes of every weight, but a processor without bf16 instructions emulates them and is
slower than in fp32, and the two may differ between tall products (prefill, training) and skinny ones
(decoding). So decoding takes the format with the smaller geometric mean of times over both kinds, and
training the one that is faster for tall products.
"""

from __future__ import annotations

import functools
import math
import statistics
import time
from collections.abc import Sequence

import torch

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""The number formats by the names that recipes use."""

_ROWS = (4, 32, 512)  # a few conversations, many conversations, a prefill
_SHAPE = (1536, 576)  # a layer of a small model: (out, in)
_CUDA_SHAPE = (8192, 8192)  # on a GPU a smaller one only measures how long it takes to launch a kernel
_REPEATS = 7


@functools.cache
def fastest_dtype(device: str = "cpu") -> torch.dtype:
    """`torch.bfloat16` or `torch.float32`, whichever decodes faster on `device`; kept per process."""
    times = {dtype: _decoding_seconds(device, dtype) for dtype in (torch.bfloat16, torch.float32)}
    return min(times, key=lambda dtype: times[dtype])


def fastest_training(device: str = "cpu", width: int = 1024) -> str:
    """`fp32` or `bf16`, whichever multiplies square matrices faster (about 0.2 s)."""
    shape = (width, width)
    return min(
        FORMATS, key=lambda name: min(product_seconds(width, shape, FORMATS[name], device, repeats=3))
    )


def measured_rate(precision: str = "auto", device: str = "cpu", width: int = 2048) -> float:
    """Operations per second of a large matrix product here; `auto` means the faster format."""
    formats = [FORMATS[precision]] if precision in FORMATS else list(FORMATS.values())
    times = [min(product_seconds(width, (width, width), dtype, device, repeats=5)) for dtype in formats]
    return 2.0 * width**3 / min(times)


@torch.inference_mode()
def product_seconds(
    rows: int, shape: tuple[int, int], dtype: torch.dtype, device: str, *, repeats: int
) -> Sequence[float]:
    """Times of one linear layer of `shape` (out, in) over `rows` rows, the caches being warm."""
    weight = torch.ones(shape, dtype=dtype, device=device)
    inputs = torch.ones(rows, shape[1], dtype=dtype, device=device)
    samples = []
    for _ in range(repeats + 1):
        start = time.perf_counter()
        torch.nn.functional.linear(inputs, weight)
        if weight.is_cuda:
            torch.cuda.synchronize()
        samples.append(max(time.perf_counter() - start, 1e-9))
    return samples[1:]


def _decoding_seconds(device: str, dtype: torch.dtype) -> float:
    """Geometric mean over the kinds of products of their median times."""
    shape = _CUDA_SHAPE if device.startswith("cuda") else _SHAPE
    times = (
        statistics.median(product_seconds(rows, shape, dtype, device, repeats=_REPEATS)) for rows in _ROWS
    )
    return math.exp(statistics.fmean(map(math.log, times)))
