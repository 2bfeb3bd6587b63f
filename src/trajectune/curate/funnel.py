"""How many trajectories came through: tasks → episodes → kept, as AgentTuning's Table 1 counts them.

Invariants: `episodes == kept + sum(rejected)`; the total of several sources is computed from their counts,
never from their rates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from trajectune.curate.steps.filter import BELOW, INFRASTRUCTURE, NO_STEP, OVER_CAP, SAME_CALLS
from trajectune.storage import read_record, write_json
from trajectune.trajectory import Record

_VERSION_1 = {"errors": INFRASTRUCTURE, "failures": BELOW, "repeated": SAME_CALLS, "over_cap": OVER_CAP}
"""Fields of the first version's rows, each with the reason that it counted."""


class FunnelRow(Record):
    """The funnel of one source."""

    source: str
    """The recipe's name for the environment."""
    environment: str = ""
    """The environment itself; empty where the file holds episodes of several, or none."""
    tasks: int = 0
    """Different tasks that were played (Table 1: instructions)."""
    episodes: int = 0
    infrastructure_errors: int = 0
    """Episodes that the infrastructure failed."""
    passed: int = 0
    """Episodes with at least the threshold's reward."""
    rejected: dict[str, int] = Field(default_factory=dict)
    """Episodes that are not kept, by the reason that a curate step gave."""
    kept: int = 0
    """Trajectories that become training data (Table 1: filtered trajectories)."""
    unreadable: int = 0
    """Rows of the file that are no trajectories, or repeat one; not among the episodes."""
    turns: float | None = None
    """Average moves of the agent in what was kept (Table 1: average turns)."""

    @model_validator(mode="before")
    @classmethod
    def _read_earlier_versions(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        if "environment" in data and "source" not in data:
            data = _from_version_1(data)
        rejected = data.get("rejected", {})
        return data if "passed" in data or not isinstance(rejected, dict) else _with_passed(data, rejected)

    @model_validator(mode="after")
    def _every_episode_counts_once(self) -> Self:
        if self.episodes != self.kept + sum(self.rejected.values()):
            raise ValueError(f"{self.source}: {self.episodes} episodes are not those kept and rejected")
        return self

    @property
    def pass_rate(self) -> float | None:
        """Successes among the episodes that the infrastructure did not fail; `None` without any."""
        judged = self.episodes - self.infrastructure_errors
        return self.passed / judged if judged else None

    @property
    def ratio(self) -> float | None:
        """Kept trajectories for each task (Table 1: ratio); `None` without tasks."""
        return self.kept / self.tasks if self.tasks else None


def _from_version_1(data: dict[str, Any]) -> dict[str, Any]:
    """A row whose reasons were fields, and whose source was called environment."""
    rest = {key: value for key, value in data.items() if key not in (*_VERSION_1, "environment")}
    counts = {reason: data.get(key, 0) for key, reason in _VERSION_1.items()}
    found = {reason: count for reason, count in counts.items() if count}
    return {**rest, "source": data["environment"], "rejected": found}


def _with_passed(data: dict[str, Any], rejected: dict[str, Any]) -> dict[str, Any]:
    """A row that says who passed only through the filter's reasons."""
    try:
        broken, failed = rejected.get(INFRASTRUCTURE, 0), rejected.get(BELOW, 0) + rejected.get(NO_STEP, 0)
        return {
            **data,
            "infrastructure_errors": broken,
            "passed": data.get("episodes", 0) - broken - failed,
        }
    except TypeError:  # no counts: the fields themselves will say so
        return data


class Funnel(Record):
    """The funnels of all sources of a run."""

    rows: list[FunnelRow] = Field(default_factory=list)
    notes: dict[str, dict[str, int]] = Field(default_factory=dict)
    """Rows of files by source and by what of them does not reach the trainer."""

    def note(self, source: str, notes: Mapping[str, int], say: Callable[[str], object]) -> None:
        """Add the notes of a source, and say each."""
        if notes:
            self.notes[source] = dict(notes)
        for note, rows in notes.items():
            say(f"{source}: {note} ({rows:,} rows)")

    @property
    def total(self) -> FunnelRow:
        """All sources together."""
        kept = sum(row.kept for row in self.rows)
        rejected: Counter[str] = Counter()
        for row in self.rows:
            rejected.update(row.rejected)
        return FunnelRow(
            source="total",
            tasks=sum(row.tasks for row in self.rows),
            episodes=sum(row.episodes for row in self.rows),
            infrastructure_errors=sum(row.infrastructure_errors for row in self.rows),
            passed=sum(row.passed for row in self.rows),
            rejected=dict(rejected),
            kept=kept,
            unreadable=sum(row.unreadable for row in self.rows),
            turns=sum((row.turns or 0) * row.kept for row in self.rows) / kept if kept else None,
        )

    def save(self, path: Path) -> None:
        """Write the counts as JSON."""
        write_json(path, self.model_dump(mode="json"))

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` wrote. Raises `DataError` naming the file and the field."""
        return read_record(path, cls, "a funnel's counts")
