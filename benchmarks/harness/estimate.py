"""A rate or a ratio with its 95 % interval, from the rounds of a run.

Rates are compared by ratios, so everything is done on logarithms: the mean is geometric, the interval
Student's t around the mean logarithm. Hence a ratio turned round has its interval turned round, and a side
that is twice as fast in every round has exactly twice the ratio.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

from pydantic import BaseModel, ConfigDict

_Z = statistics.NormalDist().inv_cdf(0.975)
_FEW = (12.7062, 4.3027, 3.1824, 2.7764, 2.5706, 2.4469)
"""Two-sided 95 % quantiles of Student's t for 1 to 6 degrees of freedom, where its expansion is poor."""


class Estimate(BaseModel):
    """A positive value over rounds; `low` and `high` are missing with a single round."""

    model_config = ConfigDict(frozen=True)

    mean: float
    median: float
    low: float | None
    high: float | None
    rounds: int

    @property
    def half_width(self) -> float:
        """Of the interval, as a share: 0.03 is ±3 %."""
        return math.inf if self.high is None else math.log(self.high / self.mean)


def estimate(values: Iterable[float]) -> Estimate | None:
    """The geometric mean of positive values, with its interval; `None` when there are none."""
    logs = [math.log(value) for value in values]
    if not logs:
        return None
    mean, low, high = math.fsum(logs) / len(logs), None, None
    if len(logs) > 1:
        half = t_quantile(len(logs) - 1) * statistics.stdev(logs) / math.sqrt(len(logs))
        low, high = math.exp(mean - half), math.exp(mean + half)
    return Estimate(
        mean=math.exp(mean), median=math.exp(statistics.median(logs)), low=low, high=high, rounds=len(logs)
    )


def t_quantile(freedom: int) -> float:
    """Student's two-sided 95 % quantile (Abramowitz and Stegun, 26.7.5)."""
    if freedom <= len(_FEW):
        return _FEW[freedom - 1]
    z = _Z
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, start=1))
