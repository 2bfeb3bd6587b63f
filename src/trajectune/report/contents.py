"""What a page shows, as data: measurements, comparisons between them, and where they came from.

The idea: whoever runs something fills this record; the page only draws it, and whoever wants to draw it
otherwise reads one file (`page.json`). A run, an ablation and an up-scaling study differ in what is in the
lists, in nothing else. Invariant: what was not measured is absent or empty, never a zero.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from trajectune.evaluate.compare import GapShare, PairedChange
from trajectune.evaluate.contract import Measurement
from trajectune.evaluate.intervals import Interval
from trajectune.trajectory import Record

PAGE_VERSION = 2
"""Raised when the meaning of a field changes; newer files are refused."""


class FunnelRow(Record):
    """From tasks to training data, for one source: the columns of AgentTuning's Table 1."""

    source: str
    environment: str = ""
    """What was played, by which the paper's row is found; empty where it is not known."""
    tasks: int
    """Instructions."""
    episodes: int
    """Episodes played, infrastructure errors omitted."""
    passed: int
    """Episodes with at least the threshold's reward."""
    kept: int
    """Trajectories that became training data."""
    turns: float | None
    """Mean turns of those kept."""
    infrastructure_errors: int = 0
    rejected: dict[str, int] = Field(default_factory=dict)
    """Episodes that are not kept, by reason."""

    @property
    def ratio(self) -> float | None:
        """Kept trajectories per instruction."""
        return self.kept / self.tasks if self.tasks else None


class InstructionsRow(Record):
    """How the tasks of one source were made, where they were made for the run."""

    source: str
    way: str
    """Task derivation or Self-Instruct."""
    teacher: str
    """The model that wrote them; empty for tasks from a file."""
    asked: int
    """Rows of the file, or requests that were answered."""
    written: int
    accepted: int
    rejected: str
    """Why the others were not, each reason with its number."""


class MixtureRow(Record):
    """One source of the training mixture."""

    source: str
    role: Literal["agent", "general"]
    rows: int
    tokens: int
    trained_tokens: int
    share: float
    """Share of the loss that the source gets; all shares add up to 1."""
    rejected: int = 0
    """Rows that could not be used, validation rows included."""
    shortened: int = 0
    """Rows whose last replies did not fit in `max_tokens`."""


class LossCurve(Record):
    """Training loss of one source (or one capability) of one arm."""

    name: str
    steps: list[int]
    losses: list[float]
    """Nats per trained token, of the same length as `steps`."""


class Entry(Record):
    """A system's measurement in a study: which arm and seed it came from."""

    system: str
    """Name of the row: several seeds of one system share it."""
    seed: int = 0
    measurement: Measurement


class WeightCurve(Record):
    """A suite's headline metric over a weight of a composition."""

    suite: str
    weight: str
    """What the axis shows: `α: share of the tuning`."""
    points: list[tuple[float, Interval]]


class StageTime(Record):
    """Wall time of one stage, in seconds."""

    stage: str
    seconds: float


class Page(Record):
    """Everything that one page shows."""

    schema_version: int = PAGE_VERSION
    title: str
    model: str = ""
    """The base model, as the recipe names it."""
    created: str = ""
    """ISO 8601."""
    entries: list[Entry] = Field(default_factory=list)
    """In the order of the table's rows."""
    changes: list[PairedChange] = Field(default_factory=list)
    gaps: list[GapShare] = Field(default_factory=list)
    references: dict[str, dict[str, float]] = Field(default_factory=dict)
    """Scores of reference models, model → suite → score, for an overall score (`evaluate.overall`)."""
    curves: list[WeightCurve] = Field(default_factory=list)
    instructions: list[InstructionsRow] = Field(default_factory=list)
    funnel: list[FunnelRow] = Field(default_factory=list)
    mixture: list[MixtureRow] = Field(default_factory=list)
    warnings: list[str] = Field(default_factory=list)
    """What whoever uses the data must know, a sentence each: sources of which much was rejected."""
    losses: list[LossCurve] = Field(default_factory=list)
    stages: list[StageTime] = Field(default_factory=list)
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """The resolved recipe."""
    hardware: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str = ""
    files: dict[str, str] = Field(default_factory=dict)
    """What lies where, relative to the run directory."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.schema_version > PAGE_VERSION:
            raise ValueError(
                f"schema_version {self.schema_version} is newer than {PAGE_VERSION}: upgrade trajectune"
            )
        return self
