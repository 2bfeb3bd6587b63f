"""Rows that could not be used: kept with their source and reason, counted, never lost."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from trajectune.curate.steps.contract import Rejection
from trajectune.storage import encode, open_atomic, read_jsonl, writing

Rejections = list[tuple[str, str]]
"""(source, reason) of each row."""

_log = logging.getLogger(__name__)


def as_rejections(found: Iterable[Rejection]) -> Rejections:
    """What a step rejected, with the row's id before the reason."""
    return [(each.source, f"{each.id}: {each.reason}") for each in found]


def told(rejections: Sequence[tuple[str, str]], where: Path) -> None:
    """Say in the log how many rows were rejected, with the first reason."""
    if rejections:
        _log.warning("%s: %d rows rejected; the first: %s", where, len(rejections), rejections[0][1])


def write_rejections(path: Path, rejections: Sequence[tuple[str, str]]) -> None:
    """Write one line for each rejected row; no file where there are none."""
    if not rejections:
        with writing(path):
            path.unlink(missing_ok=True)
        return
    with open_atomic(path) as file:
        for source, reason in rejections:
            file.write(encode({"source": source, "reason": reason}))


def read_rejections(path: Path) -> Rejections:
    """What `write_rejections` wrote; none without a file."""
    return [(row.value["source"], row.value["reason"]) for row in read_jsonl(path)] if path.exists() else []
