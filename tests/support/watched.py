"""The database environment, slowed down, telling a folder which process played how many episodes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from trajectune.environments.contract import Task
from trajectune.environments.database import DatabaseEnvironment
from trajectune.environments.database.episode import DatabaseEpisode

NAME = "support.watched:Watched"


class Watched(DatabaseEnvironment):
    """`folder` gets a file for each process, a byte long for each episode; `pause` is in seconds."""

    def __init__(self, folder: str, pause: float = 0.0, **more: Any) -> None:
        super().__init__(**more)
        self.folder, self.pause = Path(folder), pause

    def open(self, task: Task, seed: int = 0) -> DatabaseEpisode:
        time.sleep(self.pause)
        with (self.folder / str(os.getpid())).open("a") as file:
            file.write(".")
        return super().open(task, seed)


def played(folder: Path) -> list[int]:
    """Episodes opened by each process."""
    return [path.stat().st_size for path in folder.iterdir()]
