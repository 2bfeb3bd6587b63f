"""What the loss tells apart: tokens of one source and one label.

Invariant: groups are sorted, so the sources among them are too.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trajectune.tune.data.rows import TokenRow


class Group(NamedTuple):
    """Trained tokens that weigh the same and are measured together."""

    source: str
    label: int
    """See `trajectune.tune.data.labels`."""


def groups_of(rows: Iterable[TokenRow]) -> list[Group]:
    """The groups of all trained tokens."""
    pairs = {(row.source, int(kind)) for row in rows for kind in np.unique(row.labels[row.trained])}
    return sorted(Group(*pair) for pair in pairs)


def sources_of(groups: Sequence[Group]) -> list[str]:
    """The sources among groups, in order."""
    return list(dict.fromkeys(group.source for group in groups))


def columns_of(groups: Sequence[Group]) -> dict[str, NDArray[np.int64]]:
    """For each source the place of its groups by label, shape [labels]; 0 where there is none."""
    size = max(group.label for group in groups) + 1
    found = {source: np.zeros(size, np.int64) for source in sources_of(groups)}
    for place, group in enumerate(groups):
        found[group.source][group.label] = place
    return found
