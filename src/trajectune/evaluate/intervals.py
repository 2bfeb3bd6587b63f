"""How sure a number is: every measured share, mean and difference comes with an interval.

Shares get Wilson's interval, which stays sensible at 0 of 60 and 60 of 60; means and ratios get a
percentile bootstrap over episodes or rows; a change before/after is measured on the same tasks, by a
paired bootstrap and McNemar's exact test; a few seeds get Student's t.

Invariants: the same data and seed give the same interval; `low <= value <= high`; nothing measured is
`None`, never a zero.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from trajectune.trajectory import Record

RESAMPLES = 5_000
"""Bootstrap resamples: the ends of a 95 % interval are then good to about 1 % of its width."""
_Z95 = statistics.NormalDist().inv_cdf(0.975)
_CHUNK = 4_000_000  # resampled values held at once
# Two-sided 95 % quantiles of Student's t for 1, 2, 3 … degrees of freedom.
_T95 = (12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228,
        2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086)  # fmt: skip


class Interval(Record):
    """A measured value and its 95 % interval."""

    value: float
    low: float
    high: float


def wilson(successes: int, total: int) -> Interval | None:
    """Wilson's score interval of a share (Wilson, 1927); `None` when nothing was counted."""
    if total == 0:
        return None
    share = successes / total
    scale = 1 + _Z95**2 / total
    centre = (share + _Z95**2 / (2 * total)) / scale
    half = _Z95 / scale * math.sqrt(share * (1 - share) / total + _Z95**2 / (4 * total**2))
    # Rounding may put an end a hair beyond the share itself at 0 and at 1.
    return Interval(
        value=share, low=max(0.0, min(centre - half, share)), high=min(1.0, max(centre + half, share))
    )


def bootstrap_mean(values: ArrayLike, seed: int = 0) -> Interval | None:
    """Mean of `values` with a percentile bootstrap over them; `None` when there are none."""
    numbers = np.asarray(values, dtype=np.float64)
    return bootstrap_ratio(numbers, np.ones_like(numbers), seed)


def bootstrap_ratio(totals: ArrayLike, counts: ArrayLike, seed: int = 0) -> Interval | None:
    """Sum of `totals` over sum of `counts` (loss per token, say), resampling their pairs together."""
    top, bottom = np.asarray(totals, dtype=np.float64), np.asarray(counts, dtype=np.float64)
    if top.size == 0 or bottom.sum() == 0:
        return None
    value = float(top.sum() / bottom.sum())
    ratios = _resampled(top, seed) / np.maximum(_resampled(bottom, seed), np.finfo(float).tiny)
    low, high = np.quantile(ratios, [0.025, 0.975])
    return Interval(value=value, low=min(float(low), value), high=max(float(high), value))


def gap_share(floor: ArrayLike, value: ArrayLike, ceiling: ArrayLike, seed: int = 0) -> Interval | None:
    """How far `value` gets from `floor` (0) to `ceiling` (1): means over tasks that are resampled together.

    The normalised measure of EFT's scale decoupling (Mitchell et al. 2023). `None` without a gap to close;
    resamples without one are left out, and the interval is wide where the gap is small.
    """
    low, middle, high = (np.asarray(each, dtype=np.float64) for each in (floor, value, ceiling))
    if low.size == 0 or high.sum() <= low.sum():
        return None
    share = float((middle.sum() - low.sum()) / (high.sum() - low.sum()))
    gaps = _resampled(high - low, seed)
    shares = _resampled(middle - low, seed)[gaps > 0] / gaps[gaps > 0]
    ends = np.quantile(shares, [0.025, 0.975])
    return Interval(value=share, low=min(float(ends[0]), share), high=max(float(ends[1]), share))


def over_seeds(values: Sequence[float]) -> Interval | None:
    """Mean over a few repeated runs with Student's t; a single run has no width to show."""
    if not values:
        return None
    mean = statistics.fmean(values)
    freedom = len(values) - 1
    if freedom == 0:
        return Interval(value=mean, low=mean, high=mean)
    quantile = _T95[freedom - 1] if freedom <= len(_T95) else _Z95
    half = quantile * statistics.stdev(values) / math.sqrt(len(values))
    return Interval(value=mean, low=mean - half, high=mean + half)


def mcnemar(gained: int, lost: int) -> float:
    """Two-sided p of McNemar's exact test: tasks solved only after, and only before."""
    changed = gained + lost
    tail = sum(math.comb(changed, k) for k in range(min(gained, lost) + 1))
    return min(1.0, 2 * tail / 2**changed)


def _resampled(values: NDArray[np.float64], seed: int) -> NDArray[np.float64]:
    """Sums of `RESAMPLES` resamples; the same seed and length draw the same rows."""
    generator = np.random.default_rng(seed)
    sums = np.empty(RESAMPLES)
    step = max(1, _CHUNK // values.size)
    for start in range(0, RESAMPLES, step):
        rows = min(step, RESAMPLES - start)
        sums[start : start + rows] = values[generator.integers(values.size, size=(rows, values.size))].sum(
            axis=1
        )
    return sums
