"""Numbers of 64 bits that stand for words and for stretches of them, for whole arrays at a time.

The idea: a polynomial in an odd base, modulo 2^64, has an inverse; so the sum of a stretch is the
difference of two running sums, moved to the origin. Words are stretches of characters, n-grams are
stretches of words, and both cost a few passes over an array, whatever their length.

Invariant: equal stretches have equal numbers. Different ones have the same by chance alone (about one
pair in 2^64); whoever must not believe in chance compares the stretches themselves.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]
_BASE = 0x9E3779B97F4A7C15
"""The odd number next to 2^64 divided by the golden ratio."""


def mixed(values: npt.NDArray[np.unsignedinteger]) -> Numbers:
    """Each number spread over all 64 bits (the finaliser of splitmix64, which is a bijection)."""
    found = values.astype(np.uint64) + np.uint64(_BASE)
    found = (found ^ (found >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    found = (found ^ (found >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return found ^ (found >> np.uint64(31))


def stretch_numbers(values: Numbers, starts: Places, ends: Places) -> Numbers:
    """A number for each stretch `values[start:end]`, which depends on its values and their order alone."""
    powers, inverses = _powers(_size(len(values)))
    sums = np.zeros(len(values) + 1, np.uint64)
    np.cumsum(values * powers[: len(values)], out=sums[1:])
    return mixed((sums[ends] - sums[starts]) * inverses[starts])


def _size(number: int) -> int:
    """A power of two from which on it is enough, so that few tables are kept."""
    return 1 << max(10, number.bit_length())


@lru_cache(maxsize=4)
def _powers(size: int) -> tuple[Numbers, Numbers]:
    """Powers of the base and of its inverse from exponent 0."""
    inverse = pow(_BASE, -1, 1 << 64)
    powers = [np.full(size, base, np.uint64) for base in (_BASE, inverse)]
    for each in powers:
        each[0] = 1
        np.cumprod(each, out=each)
    return powers[0], powers[1]
