"""How far two texts go on alike from a place in each: many pairs of places at once.

The idea (Llama 2, appendix on contamination, which AgentTuning follows): the first `length` tokens are
equal; of those behind them, up to `skips` may differ, each at its place; the last one is equal again.

Invariant: what is found is the longest such stretch at its place, or nothing where it has not more than
`length` tokens.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trajectune.curate.contamination.hashing import Numbers, Places

WIDTH = 128
"""Most tokens of each pair that are compared at once."""


def extended(
    ours: tuple[Numbers, Places, Places],
    theirs: tuple[Numbers, Places, Places],
    length: int,
    skips: int,
) -> Places:
    """The length of the stretch at each pair of places; 0 where there is none.

    Each side gives its tokens, the places, and where the text of each place ends.
    """
    (left, at, end), (right, against, other_end) = ours, theirs
    room = np.minimum(end - at, other_end - against)
    reach = np.zeros(len(at), np.int64)
    missed = np.zeros(len(at), np.int64)
    alive = np.flatnonzero(room > length)
    begin, width = 0, max(2 * length, 32)
    while len(alive):
        steps = np.arange(begin, begin + width)
        inside = steps < room[alive, None]
        same = inside & (_taken(left, at[alive], steps) == _taken(right, against[alive], steps))
        wrong = np.cumsum(~same, axis=1) + missed[alive, None]
        if begin == 0:
            same &= wrong[:, length - 1 : length] == 0
            wrong[~same[:, 0]] += skips + 1
        _move(reach, alive, same & (wrong <= skips), begin)
        missed[alive] = wrong[:, -1]
        begin += width
        alive = alive[(wrong[:, -1] <= skips) & (begin < room[alive])]
        width = min(2 * width, WIDTH)
    return np.where(reach > length, reach, 0)


def _taken(tokens: Numbers, places: Places, steps: Places) -> Numbers:
    return tokens[np.minimum(places[:, None] + steps, len(tokens) - 1)]


def _move(reach: Places, alive: Places, good: npt.NDArray[np.bool_], begin: int) -> None:
    """Set the reach to the last token that is equal and within the budget, where there is one."""
    found = good.any(axis=1)
    last = begin + good.shape[1] - np.argmax(good[:, ::-1], axis=1)
    reach[alive[found]] = last[found]
