"""Which number format is fastest here: measured in about 100 ms, not assumed.

bf16 halves the bytes of every weight, but a processor without bf16 instructions emulates them and is
slower than in fp32, and the two may differ between tall products (prefill, training) and skinny ones
(decoding). So the choice is the format with the smaller geometric mean of times over both kinds.
"""

from __future__ import annotations

import functools
import math
import statistics
import time

import torch

_ROWS = (4, 32, 512)  # a few conversations, many conversations, a prefill
_SHAPE = (1536, 576)  # a layer of a small model: (out, in)
_CUDA_SHAPE = (8192, 8192)  # on a GPU a smaller one only measures how long it takes to launch a kernel
_REPEATS = 7


@functools.cache
def fastest_dtype(device: str = "cpu") -> torch.dtype:
    """`torch.bfloat16` or `torch.float32`, whichever multiplies faster on `device`; kept per process."""
    times = {dtype: _geometric_mean(device, dtype) for dtype in (torch.bfloat16, torch.float32)}
    return min(times, key=lambda dtype: times[dtype])


def _geometric_mean(device: str, dtype: torch.dtype) -> float:
    return math.exp(statistics.fmean(math.log(_seconds(device, dtype, rows)) for rows in _ROWS))


@torch.inference_mode()
def _seconds(device: str, dtype: torch.dtype, rows: int) -> float:
    """Median time of one linear layer over `rows` rows, after one call that warms the caches."""
    shape = _CUDA_SHAPE if device.startswith("cuda") else _SHAPE
    weight = torch.ones(shape, dtype=dtype, device=device)
    inputs = torch.ones(rows, shape[1], dtype=dtype, device=device)
    samples = []
    for _ in range(_REPEATS + 1):
        start = time.perf_counter()
        torch.nn.functional.linear(inputs, weight)
        if weight.is_cuda:
            torch.cuda.synchronize()
        samples.append(time.perf_counter() - start)
    return max(statistics.median(samples[1:]), 1e-9)
