"""An environment over a source passes on what the source has."""

from __future__ import annotations

from collections.abc import Sequence

from support.door import Door, DoorEnvironment
from trajectune.environments.contract import Episode, Split, Task
from trajectune.environments.sourced import SourcedEnvironment
from trajectune.storage import Rejected


class Rooms:
    rejected: Sequence[Rejected] = (Rejected(2, "no door"),)

    def tasks(self, split: Split) -> Sequence[Task]:
        return [Task(f"room-{split}", split)]


class Doors(SourcedEnvironment[Rooms]):
    name = "doors"
    rules = "Open the door."

    def __init__(self) -> None:
        self.source = Rooms()

    def open(self, task: Task, seed: int = 0) -> Episode:
        del task, seed
        return Door(DoorEnvironment())


def test_tasks_rejected_rows_and_rules_come_from_one_place_each() -> None:
    doors = Doors()
    (task,) = doors.tasks("dev")
    assert (task.id, doors.instruction(task), list(doors.rejected)) == (
        "room-dev",
        "Open the door.",
        [Rejected(2, "no door")],
    )
