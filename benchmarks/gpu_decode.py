"""Decoding a 1B model on a GPU in bf16 beside `transformers.generate` (`benchmarks/decode.py` says how)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

import torch

from decode import compare_case, result
from decoding import EPISODES, TURNS, Case, read_bandwidth, weight_bytes
from gpu_models import DEVICE, loaded
from harness.weather import Station

Answer = dict[str, Any]
SECONDS = 15.0
"""For each case, of the part's limit (`gpu.py`)."""
_loaded = cache(loaded)


def cases(small: bool) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """Each case by name."""
    shape = "toy" if small else "1b"
    for rows in (1, 8) if small else (1, 8, 64):
        yield f"batch {rows}", partial(measured, shape, rows, 8 if small else 64)
    turns = 2 if small else TURNS
    yield f"{turns}-turn episodes", partial(measured, shape, EPISODES, 32, turns)


def measured(shape: str, rows: int, new: int, turns: int = 0) -> Answer:
    """Tokens per second of both sides, and of reading all weights once per step."""
    case = Case(_loaded(shape), rows, new, turns)
    found = compare_case(case, SECONDS, _station(), warmups=1, least=2 if turns else 3)
    floor = rows * _bandwidth() / weight_bytes(case.loaded)
    return result(case, found) | {"floor_tokens_per_second": floor}


@cache
def _station() -> Station:
    return Station(DEVICE, torch.bfloat16)


@cache
def _bandwidth() -> float:
    return read_bandwidth(DEVICE)
