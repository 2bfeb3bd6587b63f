"""Two or three systems on the same items: what changed, and how much of a gap was closed.

The idea: systems are compared on the tasks and questions that all of them answered, paired, so that what
makes one task harder than another drops out. Invariants: only measurements that are done, of one suite,
are paired, and only items of one task, attempt, seed and weight; what has no partner is counted apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trajectune.errors import DataError
from trajectune.evaluate import intervals
from trajectune.evaluate.contract import Item, Measurement
from trajectune.evaluate.intervals import Interval, bootstrap_ratio, mcnemar
from trajectune.evaluate.items import read_items
from trajectune.trajectory import Record

Key = tuple[str, int, int, float]
"""Task, attempt, seed and weight of an item."""


class PairedChange(Record):
    """One system against another on the same items of one suite."""

    suite: str
    before: str
    after: str
    tasks: int
    """Items that both have."""
    unpaired: int
    """Items of only one of them; they do not count here."""
    gained: int
    """Items on which `after` is better, and `lost` those on which it is worse."""
    lost: int
    change: Interval | None
    """Difference of the headline metric (paired bootstrap)."""
    p_value: float
    """McNemar's exact test of `gained` against `lost` (for scores other than 0 and 1 the sign test)."""


class GapShare(Record):
    """How far a system gets from a floor (0) to a ceiling (1) on one suite (EFT's normalised measure)."""

    suite: str
    floor: str
    system: str
    ceiling: str
    share: Interval | None
    """`None` when there is no gap."""


def compare(
    before: Sequence[Measurement],
    after: Sequence[Measurement],
    before_folder: Path,
    after_folder: Path,
    seed: int = 0,
) -> list[PairedChange]:
    """What changed on each suite that both were measured with, in the order of `before`.

    The folders are those that `evaluate` was given. Raises `DataError` for items that cannot be read.
    """
    changes = []
    for suite, (old, new) in _shared(before, after).items():
        first, second = (
            _by_key(folder / suite, each) for folder, each in ((before_folder, old), (after_folder, new))
        )
        changes.append(_change(old, new, first, second, seed))
    return changes


def gap_shares(
    floor: Sequence[Measurement],
    system: Sequence[Measurement],
    ceiling: Sequence[Measurement],
    folders: tuple[Path, Path, Path],
    seed: int = 0,
) -> list[GapShare]:
    """How far `system` gets from `floor` to `ceiling` on each suite of agent skill that all three have.

    `folders` are those of the three, in this order. Raises `DataError` for items that cannot be read.
    """
    shares = []
    for suite, three in _shared(floor, system, ceiling).items():
        if three[0].group not in ("held-in", "held-out") or three[0].lower_is_better:
            continue
        found = [_by_key(folder / suite, each) for folder, each in zip(folders, three, strict=True)]
        keys = sorted(set.intersection(*map(set, found)))
        low, middle, high = (_scores(items, keys) for items in found)
        names = [each.system.name for each in three]
        share = intervals.gap_share(low, middle, high, seed)
        shares.append(GapShare(suite=suite, floor=names[0], system=names[1], ceiling=names[2], share=share))
    return shares


def _shared(*systems: Sequence[Measurement]) -> dict[str, tuple[Measurement, ...]]:
    """The measurements of all systems, for each suite that is done for all and has items."""
    done = [
        {each.suite: each for each in system if each.status == "done" and each.items} for system in systems
    ]
    return {
        suite: tuple(each[suite] for each in done)
        for suite in done[0]
        if all(suite in each for each in done)
    }


def _change(
    old: Measurement, new: Measurement, first: dict[Key, Item], second: dict[Key, Item], seed: int
) -> PairedChange:
    keys = sorted(first.keys() & second.keys())
    difference = _scores(second, keys) - _scores(first, keys)
    better = -difference if old.lower_is_better else difference
    gained, lost = int((better > 0).sum()), int((better < 0).sum())
    return PairedChange(
        suite=old.suite,
        before=old.system.name,
        after=new.system.name,
        tasks=len(keys),
        unpaired=len(first.keys() ^ second.keys()),
        gained=gained,
        lost=lost,
        change=bootstrap_ratio(difference, [first[key].weight for key in keys], seed),
        p_value=mcnemar(gained, lost),
    )


def _by_key(folder: Path, measurement: Measurement) -> dict[Key, Item]:
    items = read_items(folder, measurement)
    found = {(item.task, item.attempt, item.seed, item.weight): item for item in items}
    if len(found) < len(items):
        raise DataError(
            f"{len(items) - len(found)} items of the suite {measurement.suite!r} are not told apart",
            where=str(folder / measurement.items),
            remedy="give each item of the suite a task of its own, or another attempt or seed",
        )
    return found


def _scores(items: dict[Key, Item], keys: Sequence[Key]) -> NDArray[np.float64]:
    return np.array([items[key].score for key in keys], dtype=np.float64)
