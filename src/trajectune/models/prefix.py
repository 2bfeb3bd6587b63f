"""How far two sequences of tokens are the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Tokens = Sequence[int] | NDArray[np.int32]


def common_prefix(left: Tokens, right: Tokens) -> int:
    """Number of tokens at the start that two sequences of one kind (lists, or arrays) share."""
    low, high = 0, min(len(left), len(right))
    if isinstance(left, np.ndarray):
        different = np.flatnonzero(left[:high] != right[:high])
        return int(different[0]) if len(different) else high
    if left[:high] == right[:high]:
        return high
    while low < high - 1:  # the first `low` are equal, the first `high` are not
        middle = (low + high) // 2
        if left[low:middle] == right[low:middle]:
            low = middle
        else:
            high = middle
    return low
