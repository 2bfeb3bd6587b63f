"""Decoding a 1B model on a GPU in bf16 beside `transformers.generate` (`benchmarks/decode.py` says how)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from decode import TURNS, compare_batches, compare_episodes, read_bandwidth, weight_bytes
from gpu_models import DEVICE, loaded

Answer = dict[str, Any]
_loaded = cache(loaded)


def cases(small: bool) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """Each case by name."""
    shape = "toy" if small else "1b"
    for rows in (1, 8) if small else (1, 8, 64):
        yield f"batch {rows}", partial(batch, shape, rows, 8 if small else 64, 1 if small else 3)
    turns, repeats = (2, 1) if small else (TURNS, 2)
    yield f"{turns}-turn episodes", lambda: compare_episodes(_loaded(shape), turns, repeats)


def batch(shape: str, rows: int, new: int, repeats: int) -> Answer:
    """Tokens per second of both sides, and of reading all weights once per step."""
    model = _loaded(shape)
    floor = weight_bytes(model) / _bandwidth()
    return compare_batches(model, rows, new, repeats) | {"floor_tokens_per_second": rows / floor}


@cache
def _bandwidth() -> float:
    return read_bandwidth(DEVICE)
