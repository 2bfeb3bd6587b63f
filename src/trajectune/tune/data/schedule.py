"""Which rows make up which optimizer step: a pure function of the seed and the step.

The idea: nothing is drawn while tuning goes on, so going on after a crash needs one number, the step, and
replays nothing. Every epoch shuffles each source by itself and spreads it evenly, so that every step holds
each source in proportion, and η holds within a step and not merely on average.

Invariants: an epoch contains every row once; two steps of a schedule differ by at most one row in size; of
a source with n rows, any step of an epoch of E steps holds n/E rows, rounded up or down, give or take one.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from trajectune.tune.data.rows import TokenRow


class Schedule:
    """The steps of one tuning run. Steps count from 0."""

    def __init__(
        self,
        rows: Sequence[TokenRow],
        batch_rows: int,
        *,
        epochs: float = 1.0,
        steps: int | None = None,
        seed: int = 0,
    ) -> None:
        self._sources = np.array([row.source for row in rows])
        self._seed = seed
        self.steps_per_epoch = max(1, -(-len(rows) // batch_rows))
        self.steps = steps or max(1, round(epochs * self.steps_per_epoch))
        self._order = lru_cache(maxsize=2)(self._make_order)

    def rows_of(self, step: int) -> list[int]:
        """Indices of the rows of a step, at most `batch_rows` of them."""
        epoch, place = divmod(step, self.steps_per_epoch)
        order = self._order(epoch)
        start = place * len(order) // self.steps_per_epoch
        end = (place + 1) * len(order) // self.steps_per_epoch
        return order[start:end].tolist()

    def _make_order(self, epoch: int) -> NDArray[np.int64]:
        """All rows in the order of an epoch: row i of a source's n shuffled ones stands at (i + u) / n."""
        place = np.empty(len(self._sources))
        for number, source in enumerate(np.unique(self._sources)):
            random = np.random.default_rng([self._seed, epoch, number])
            mine = np.flatnonzero(self._sources == source)
            place[random.permutation(mine)] = (np.arange(len(mine)) + random.random()) / len(mine)
        return np.argsort(place, kind="stable")


def learning_rate(step: int, steps: int, highest: float, warmup_ratio: float) -> float:
    """Linear warm-up from 0 to `highest`, then a cosine to 0 at the end of the last step."""
    warmup = round(warmup_ratio * steps)
    if step < warmup:
        return highest * (step + 1) / warmup
    done = (step - warmup) / max(1, steps - warmup)
    return highest * 0.5 * (1.0 + float(np.cos(np.pi * done)))
