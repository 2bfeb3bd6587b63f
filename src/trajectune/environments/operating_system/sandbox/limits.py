"""The limits of one box, all of which hold at the same time."""

from __future__ import annotations

from dataclasses import dataclass, fields

from trajectune.errors import RecipeError

MEGABYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """`Limits(seconds=5)`. Sizes are in megabytes."""

    seconds: float = 10.0
    """For one command; afterwards what it started is killed."""
    memory: int = 512
    """Of all processes together, and the address space of each."""
    processes: int = 64
    """At the same time, whoever they belong to."""
    disk: int = 64
    """Everything that is written, anywhere."""
    files: int = 20_000
    """Files and folders."""
    output: int = 1
    """Printed by one command before it is stopped (an observation shows 800 characters of it)."""
    processor: int = 120
    """Seconds of processor time of one process, in the background too."""

    def __post_init__(self) -> None:
        for field in fields(self):
            if not getattr(self, field.name) > 0:
                raise RecipeError(
                    f"The limit {field.name!r} of the operating_system environment must be above 0.",
                    where=f"limits: {field.name}: {getattr(self, field.name)}",
                    remedy="give a number above 0, or leave it out",
                )

    def request(self) -> dict[str, int]:
        """What the keeper is told, in bytes where sizes are meant."""
        return {
            "memory": self.memory * MEGABYTE,
            "disk": self.disk * MEGABYTE,
            "files": self.files,
            "processes": self.processes,
            "processor": self.processor,
        }
