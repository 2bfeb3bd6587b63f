"""Rows that could not be used: kept with their source and reason, counted, never lost."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from trajectune.curate.steps.contract import Rejection
from trajectune.storage import JsonlWriter

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
    path.unlink(missing_ok=True)
    if rejections:
        with JsonlWriter(path) as writer:
            for source, reason in rejections:
                writer.write({"source": source, "reason": reason})
