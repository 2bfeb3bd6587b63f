"""What else happened while a piece of work ran: other processes, and the machine's speed around it.

The CPU time that the machine spent (idle time subtracted, so time stolen by a hypervisor counts as spent)
less what this process and its descendants took is what *others* took. Two short probes, memory read and a
matrix product with this process's threads, are made on both sides of every piece: a neighbour that
no process list shows slows them too. On systems without `/proc`, others and frequency are `None`.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

import torch
from pydantic import BaseModel, ConfigDict

T = TypeVar("T")
OTHERS = 0.05
"""Share of the machine that others may take of an undisturbed piece."""
SWING = 0.20
"""Part by which a probe may be slower than the run's median (faster is no harm: caches, boost)."""
GRAIN = 0.03
"""CPU seconds by which the kernel's counters may be wrong about a short piece."""
PROBE_SECONDS = 0.12
"""For both probes together."""
FRESH_SECONDS = 0.03
"""Age at which a probe is made anew."""
_BLOCK = 1 << 25
"""Numbers that the read probe sums: 128 MB, more than a core's caches hold."""
_TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100
_PROC = Path("/proc")
_CHILD_SUBREAPER = 36


class Probe(BaseModel):
    """What the machine gives at one moment."""

    model_config = ConfigDict(frozen=True)

    read: float
    """Gigabytes per second of summing a large block."""
    matrix: float
    """GFLOP per second of a matrix product."""


class Weather(BaseModel):
    """Around and during one piece of work."""

    model_config = ConfigDict(frozen=True)

    seconds: float
    others: float | None
    """Share of the machine's CPU time; `None` is not watched."""
    mhz: float | None
    before: Probe
    after: Probe


class Station:
    """Watches pieces of work; a probe between two pieces serves both.

    `others`: whether other processes are watched; they cannot be where our own are in a sandbox.
    """

    def __init__(
        self, device: str = "cpu", dtype: torch.dtype = torch.bfloat16, others: bool = True
    ) -> None:
        self._others = others
        self._sync = torch.cuda.synchronize if device.startswith("cuda") else lambda: None
        width = 8192 if device.startswith("cuda") else 2048 if dtype == torch.bfloat16 else 1024
        self._operations = 2.0 * width**3
        self._matrix = torch.ones(width, width, dtype=dtype, device=device)
        self._block = torch.ones(_BLOCK, device=device)
        self._last: tuple[float, Probe] | None = None

    def now(self) -> float:
        """Seconds on the clock that runs are limited by."""
        return time.monotonic()

    def watch(self, work: Callable[[], T]) -> tuple[T, Weather]:
        """Do the work, and tell what the weather was."""
        before, start = self._fresh(), _Clocks()
        done = work()
        self._sync()
        end = _Clocks()
        after = self._probe()
        return done, Weather(
            seconds=end.wall - start.wall,
            others=end.others_since(start) if self._others else None,
            mhz=megahertz(),
            before=before,
            after=after,
        )

    def _fresh(self) -> Probe:
        """The probe that ended the last piece when that was just now, else a new one."""
        if self._last and time.monotonic() - self._last[0] < FRESH_SECONDS:
            return self._last[1]
        return self._probe()

    def _probe(self) -> Probe:
        """Both rates, by the faster passes: a hiccup leaves them alone, a neighbour that stays does not."""
        reads, products = list[float](), list[float]()
        with torch.inference_mode():
            for work in (self._block.sum, self._product):
                self._taken(work)  # warms up
            while len(reads) < 4 or sum(reads) + sum(products) < PROBE_SECONDS:
                reads.append(self._taken(self._block.sum))
                products.append(self._taken(self._product))
        read = self._block.nbytes / _lower_quartile(reads)
        matrix = self._operations / _lower_quartile(products)
        probe = Probe(read=read / 1e9, matrix=matrix / 1e9)
        self._last = time.monotonic(), probe
        return probe

    def _product(self) -> torch.Tensor:
        return self._matrix @ self._matrix

    def _taken(self, work: Callable[[], object]) -> float:
        start = time.perf_counter()
        work()
        self._sync()
        return time.perf_counter() - start


def _lower_quartile(seconds: list[float]) -> float:
    return sorted(seconds)[len(seconds) // 4]


class Typical(BaseModel):
    """The median of all probes of a run."""

    model_config = ConfigDict(frozen=True)

    read: float
    matrix: float


def typical(weathers: Iterable[Weather]) -> Typical:
    """What the probes of a run say of this machine."""
    probes = [probe for each in weathers for probe in (each.before, each.after)]
    return Typical(
        read=statistics.median(probe.read for probe in probes),
        matrix=statistics.median(probe.matrix for probe in probes),
    )


def disturbance(weather: Weather, usual: Typical) -> str | None:
    """Why a piece does not count; `None` when it does."""
    if weather.others is not None:
        allowed = OTHERS + GRAIN / (weather.seconds * (os.cpu_count() or 1))
        if weather.others > allowed:
            return f"other processes took {weather.others:.0%} of the machine"
    for name, normal in (("read", usual.read), ("matrix", usual.matrix)):
        share = min(getattr(probe, name) for probe in (weather.before, weather.after)) / normal
        if share < 1 - SWING:
            return f"the {name} rate was {share:.0%} of the run's median"
    return None


class _Clocks:
    """Wall time, idle CPU time of the machine and CPU time of our own processes at one moment."""

    def __init__(self) -> None:
        self.wall = time.perf_counter()
        self.idle = _idle_seconds()
        self.own = own_seconds()

    def others_since(self, start: _Clocks) -> float | None:
        if self.idle is None or start.idle is None or self.own is None or start.own is None:
            return None
        machine = (self.wall - start.wall) * (os.cpu_count() or 1)
        spent = machine - (self.idle - start.idle)
        return max(0.0, (spent - (self.own - start.own)) / machine)


def _idle_seconds() -> float | None:
    """CPU seconds that all cores have been idle, waiting for disks included."""
    path = _PROC / "stat"
    if not path.exists():
        return None
    fields = path.read_text().split("\n", 1)[0].split()
    return (int(fields[4]) + int(fields[5])) / _TICK


def own_seconds() -> float | None:
    """CPU seconds of this process and its descendants; a finished one counts at who waited for it."""
    if not (_PROC / "self" / "stat").exists():
        return None
    parents, ticks = {}, {}
    for path in _PROC.glob("[0-9]*/stat"):
        try:
            fields = path.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended
        process = int(path.parent.name)
        parents[process], ticks[process] = int(fields[1]), sum(map(int, fields[11:15]))
    own = {os.getpid()}
    while new := {child for child, parent in parents.items() if parent in own} - own:
        own |= new
    return sum(ticks[process] for process in own) / _TICK


def adopt_orphans() -> None:
    """From now on a descendant whose parent ends becomes a child of this process, on Linux.

    Else what a process of a process took would be lost with its parent, and taken for the work of others.
    The adopted are not waited for: their times are read where they lie.
    """
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def megahertz() -> float | None:
    """The cores' mean frequency, where the kernel tells."""
    path = _PROC / "cpuinfo"
    lines = path.read_text(errors="replace").splitlines() if path.exists() else []
    found = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
    return statistics.fmean(found) if found else None
