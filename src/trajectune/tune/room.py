"""How a tuning uses the memory that is free: the size of its packs, and what attention keeps.

The idea: larger packs and kept probabilities trade memory for time and change a loss by rounding alone, so
the fastest way that fits is taken: by the forecast, beside the memory that is free when tuning begins. A
tuning that goes on from a checkpoint keeps its packs, since another packing rounds differently.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.schedule import Schedule
from trajectune.tune.forecast import GIGABYTE, peak_memory, workload_of
from trajectune.tune.settings import TuneSettings
from trajectune.tune.size import ModelSize

FASTEST, LEANEST = (16_384, True), (4_096, False)
"""Tokens of a pack, and whether probabilities are kept."""
_WAYS = (FASTEST, (8_192, True), (8_192, False), LEANEST)
_USED = 0.8
"""Part of the free memory that a forecast may fill."""
_GROUP = Path("/sys/fs/cgroup")


class Room(BaseModel):
    """What is chosen, and why."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pack_tokens: int
    keep: bool
    """Whether attention keeps its probabilities for the backward pass."""
    reason: str

    def __str__(self) -> str:
        kept = "kept" if self.keep else "computed twice"
        return f"packs of up to {self.pack_tokens:,} tokens, attention {kept} ({self.reason})"


def choose_room(
    rows: Sequence[TokenRow], schedule: Schedule, size: ModelSize, settings: TuneSettings, free: float
) -> Room:
    """The fastest way that fits into `free` bytes, the leanest where none does; or the one that is set."""
    if settings.memory != "auto":
        return _room(settings, FASTEST if settings.memory == "fast" else LEANEST, "as set")
    needs = [_need(way, rows, schedule, size, settings) for way in _WAYS]
    fits = (number for number, need in enumerate(needs) if need <= _USED * free)
    chosen = next(fits, len(_WAYS) - 1)
    reason = f"about {needs[chosen] / GIGABYTE:.1f} of {free / GIGABYTE:.1f} GB that are free"
    return _room(settings, _WAYS[chosen], reason)


def _need(
    way: tuple[int, bool],
    rows: Sequence[TokenRow],
    schedule: Schedule,
    size: ModelSize,
    settings: TuneSettings,
) -> float:
    """Bytes that tuning in this way takes at its peak."""
    tokens, keep = way
    tried = settings.model_copy(update={"pack_tokens": settings.pack_tokens or tokens})
    return peak_memory(size, workload_of(rows, schedule, tried, size), settings, keep=keep)


def _room(settings: TuneSettings, way: tuple[int, bool], reason: str) -> Room:
    return Room(pack_tokens=settings.pack_tokens or way[0], keep=way[1], reason=reason)


def free_memory(device: str) -> float:
    """Bytes that a process may still take on a device; infinite where nobody says."""
    if device.startswith("cuda"):
        return float(torch.cuda.mem_get_info(device)[0])
    return min(_available(), _left_of_group())


def _available() -> float:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return float("inf")
    return next(1024.0 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable"))


def _left_of_group() -> float:
    """What a container's limit leaves (cgroup 2)."""
    try:
        limit, used = ((_GROUP / f"memory.{name}").read_text().strip() for name in ("max", "current"))
    except OSError:
        return float("inf")
    return float("inf") if limit == "max" else float(int(limit) - int(used))
