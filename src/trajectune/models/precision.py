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
from torch.nn.functional import linear, rms_norm, silu

FORMATS = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""The number formats by the names that recipes use."""

_ROWS = (4, 32, 512)  # a few conversations, many conversations, a prefill
_SHAPE = (1536, 576)  # a layer of a small model: (out, in)
_CUDA_SHAPE = (8192, 8192)  # on a GPU a smaller one only measures how long it takes to launch a kernel
_REPEATS = 7
_TOKENS, _STEPS = 1024, 4
_WIDEST = 2048  # layers wider than this are as fast


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


def layer_rate(hidden: int, inner: int, precision: str = "auto", device: str = "cpu") -> float:
    """Operations per second of tuning a gated MLP of this size, its norm and all between its products.

    Where products are fast, what lies between them takes most of the time. `auto` means the faster format.
    """
    formats = [FORMATS[precision]] if precision in FORMATS else list(FORMATS.values())
    hidden, inner = min(hidden, _WIDEST), min(inner, 4 * _WIDEST)
    seconds = min(_layer_seconds(hidden, inner, dtype, device) for dtype in formats)
    return 18.0 * hidden * inner * _TOKENS / seconds  # three matrices, forward once and backward twice


def _layer_seconds(hidden: int, inner: int, dtype: torch.dtype, device: str) -> float:
    """The shortest of a few steps."""

    def weight(*shape: int) -> torch.Tensor:
        return torch.full(shape, 0.01, dtype=dtype, device=device, requires_grad=True)

    into, out, scale, x = (
        weight(2 * inner, hidden),
        weight(hidden, inner),
        weight(hidden),
        weight(_TOKENS, hidden),
    )
    samples = []
    for _ in range(_STEPS):
        start = time.perf_counter()
        gate, up = linear(rms_norm(x.float(), (hidden,)).to(dtype) * scale, into).chunk(2, -1)
        (x + linear(silu(gate) * up, out)).sum().backward()
        if x.is_cuda:
            torch.cuda.synchronize()
        samples.append(time.perf_counter() - start)
    return min(samples[1:])


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
        linear(inputs, weight)
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
