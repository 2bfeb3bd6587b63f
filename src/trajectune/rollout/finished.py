"""What a file of trajectories holds already, before a rollout goes on with it.

Invariants: an id stands in the file once, and is finished only where its row can be read; no row is dropped
but a second one of its id, and an episode that the infrastructure broke, which is run again.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from trajectune.storage import JsonlWriter, open_atomic, open_binary, parse_json
from trajectune.trajectory import Trajectory

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Found:
    """The lines of a file that stay, as the first reading finds."""

    ids: set[str] = field(default_factory=set)
    doubled: int = 0
    broken: int = 0

    def stays(self, line: bytes) -> bool:
        """Whether a line stays; one that is no trajectory does, for readers to reject it."""
        try:
            row = Trajectory.model_validate(parse_json(line))
        except (ValueError, ValidationError):
            return True
        if row.reward is None:
            self.broken += 1
            return False
        if row.id in self.ids:
            self.doubled += 1
            return False
        self.ids.add(row.id)
        return True


def finished(path: Path) -> set[str]:
    """Ids of the episodes in the file that need not be run. Mends it; see the top of this file.

    Doubled rows (of an older version, or of merged files) are said in the log.
    """
    if not path.exists():
        return set()
    JsonlWriter(path).close()  # cuts off a torn last line
    found = _Found()
    staying = [found.stays(line) for line in _lines(path)]
    if all(staying):
        return found.ids
    if found.doubled:
        _log.warning("%s: %d episodes stood there twice; the first of each counts", path, found.doubled)
    with open_atomic(path) as file:
        file.writelines(line for line, stays in zip(_lines(path), staying, strict=True) if stays)
    return found.ids


def _lines(path: Path) -> Iterator[bytes]:
    with open_binary(path) as file:
        yield from (line for line in file if line.strip())
