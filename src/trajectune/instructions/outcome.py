"""What instruction construction came to: the funnel from what was asked to the tasks that are used.

The idea: tasks that somebody or something wrote are believed only after they were tried. Whatever was not
believed is counted by its reason, and kept beside the tasks, so that a weak source of tasks shows itself.

Invariant: `written == accepted + sum(rejected)`; nothing that was written is lost.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from trajectune.storage import read_record, write_json
from trajectune.trajectory import Record, Usage

Way = Literal["derive", "self_instruct"]
"""AgentTuning's names: task derivation and Self-Instruct (arXiv 2310.12823, Table 1)."""

FUNNEL = "instructions.json"
REJECTED = "rejected.jsonl"


class RefusedError(Exception):
    """A task that is not believed.

    The text is the reason; what follows a colon tells this one from others.
    """


class Construction(Record):
    """The funnel of one source of tasks; stored as `instructions.json`."""

    way: Way
    environment: str
    """The environment that plays the tasks."""
    teacher: str = ""
    """The model that wrote them; empty for tasks from a file."""
    asked: int
    """Rows of the file, or requests that the teacher answered."""
    written: int
    """Tasks found in them; an answer without any counts as one that is rejected."""
    rejected: dict[str, int] = Field(default_factory=dict)
    """Tasks that are not used, by reason."""
    accepted: int
    usage: Usage = Field(default_factory=Usage)
    """What the teacher spent."""

    @model_validator(mode="after")
    def _every_task_counts_once(self) -> Self:
        if self.written != self.accepted + sum(self.rejected.values()):
            raise ValueError(f"{self.written} tasks are not those accepted and rejected")
        return self

    @property
    def ratio(self) -> float | None:
        """Accepted tasks for each that was written; `None` without any."""
        return self.accepted / self.written if self.written else None

    def save(self, folder: Path) -> None:
        """Write the counts into a folder."""
        write_json(folder / FUNNEL, self.model_dump(mode="json"))

    @classmethod
    def load(cls, folder: Path) -> Self:
        """What `save` wrote. Raises `DataError` naming the file and the field."""
        return read_record(folder / FUNNEL, cls, "the counts of instruction construction")


@dataclass(frozen=True, slots=True)
class Constructed:
    """Tasks in files, ready to be played: `environment(made.environment, made.options)`."""

    folder: Path
    environment: str
    options: dict[str, Any]
    """What makes the environment read the tasks; all of them are in its split `train`."""
    counts: Construction


def by_reason(reasons: Iterable[str]) -> dict[str, int]:
    """Reasons counted without what follows their colon, the most frequent first."""
    return dict(Counter(reason.partition(":")[0] for reason in reasons).most_common())
