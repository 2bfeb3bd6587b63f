"""A recipe under `torchrun`: the first process does everything, the others join it where it tunes.

Invariant: a follower writes nothing of its own into the run directory.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from trajectune.run.directory import RunDirectory
from trajectune.run.stage import Result, Work

PAUSE = 1.0
"""Seconds between two looks at what the first process has done."""


def is_follower() -> bool:
    """Whether another process of `torchrun` leads this one."""
    return int(os.environ.get("RANK", "0")) > 0


def follow(home: RunDirectory, results: Sequence[Result]) -> None:
    """Take part in tuning, and wait for all else. Should the leader fail, `torchrun` ends its followers."""
    for result in results:
        for needed in result.needs.values():
            _wait(home, needed)
        if result.stage.name == "tune" and not home.is_done(result):
            result.stage.run(Work(result, home.folder))
        _wait(home, result)


def _wait(home: RunDirectory, result: Result) -> None:
    while not home.is_done(result):
        time.sleep(PAUSE)
