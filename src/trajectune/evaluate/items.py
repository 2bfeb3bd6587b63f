"""The items behind a measurement, and the metrics that follow from them.

Invariants: a file of items holds one score for each task or question that counts, of the headline metric
alone: that metric's value is the sum of the scores over the sum of their weights, so it can be computed
again from the file, and two systems be compared item by item.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from trajectune.errors import DataError
from trajectune.evaluate.contract import Item, Measurement
from trajectune.storage import Rejected, encode, open_atomic, read_records

_log = logging.getLogger(__name__)

ITEMS = "items.jsonl"
"""Name of the file, beside `measurement.json`."""


def write_items(path: Path, items: Iterable[Item]) -> str:
    """Write the file whole; gives its name, for `Measurement.items`."""
    with open_atomic(path) as file:
        for item in items:
            file.write(encode(item))
    return path.name


def read_items(folder: Path, measurement: Measurement) -> list[Item]:
    """The items of a measurement that lies in `folder`; none for one without.

    Equal lines (of merged files) count once, and the log says so.
    Raises `DataError` when a row cannot be read: a comparison over what is left would be another one.
    """
    if not measurement.items:
        return []
    path = folder / measurement.items
    rejected: list[Rejected] = []
    items = list(read_records(path, Item, rejected))
    if rejected:
        raise DataError(
            f"{len(rejected)} items cannot be read; the first: {rejected[0].reason}",
            where=f"{path}, line {rejected[0].line}",
            remedy="delete the folder of the measurement and measure again",
        )
    once = list({each.model_dump_json(): each for each in items}.values())
    if len(once) < len(items):
        _log.warning("%s: %d items stand there twice and count once", path, len(items) - len(once))
    return once


def value_of(items: Sequence[Item]) -> float | None:
    """The headline metric's value, from the items; `None` without any."""
    weight = sum(item.weight for item in items)
    return sum(item.score for item in items) / weight if weight else None
