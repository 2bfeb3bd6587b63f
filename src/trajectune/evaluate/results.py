"""`results.json`: everything that a report shows, as data.

The idea: stages fill these records, the report only draws them, and whoever wants to draw them
otherwise reads one file. Invariant: what was not measured is absent or empty, never a zero.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import Field, JsonValue, model_validator

from trajectune.evaluate.agent import AgentScores, Comparison
from trajectune.evaluate.general import GeneralScores
from trajectune.trajectory import Record

RESULTS_VERSION = 1
"""Raised when the meaning of a field changes; newer files are refused."""


class FunnelRow(Record):
    """From tasks to training data, for one source: the columns of AgentTuning's Table 1."""

    source: str
    """Environment, or the name of imported data."""
    tasks: int
    """Instructions."""
    episodes: int
    """Episodes played, infrastructure errors left out."""
    passed: int
    """Episodes with at least the threshold's reward."""
    kept: int
    """Trajectories that became training data."""
    turns: float | None
    """Mean turns of those kept."""
    infrastructure_errors: int = 0

    @property
    def ratio(self) -> float | None:
        """Kept trajectories per instruction."""
        return self.kept / self.tasks if self.tasks else None


class MixtureRow(Record):
    """One source of the training mixture."""

    source: str
    role: Literal["agent", "general"]
    rows: int
    tokens: int
    trained_tokens: int
    share: float
    """Share of the loss that the source gets; all shares add up to 1."""
    set_aside: int = 0
    """Rows that could not be used."""
    shortened: int = 0
    """Rows whose last replies did not fit in `max_tokens`."""


class Curve(Record):
    """Training loss of one source."""

    source: str
    steps: list[int]
    losses: list[float]
    """Nats per trained token, of the same length as `steps`."""


class AgentResult(Record):
    """One environment, before and after tuning."""

    environment: str
    group: Literal["held-in", "held-out"] = "held-in"
    """Whether the model was tuned on this environment (on other tasks of it)."""
    note: str = ""
    """The environment's own word on what these tasks are not."""
    before: AgentScores | None = None
    after: AgentScores | None = None
    comparison: Comparison | None = None


class StageTime(Record):
    """Wall time of one stage, in seconds."""

    stage: str
    seconds: float


class Results(Record):
    """One run."""

    schema_version: int = RESULTS_VERSION
    name: str
    model: str
    """The base model, as the recipe names it."""
    created: str
    """When the report was made, ISO 8601."""
    seed: int = 0
    funnel: list[FunnelRow] = Field(default_factory=list)
    mixture: list[MixtureRow] = Field(default_factory=list)
    curves: list[Curve] = Field(default_factory=list)
    agents: list[AgentResult] = Field(default_factory=list)
    general_before: GeneralScores | None = None
    general_after: GeneralScores | None = None
    stages: list[StageTime] = Field(default_factory=list)
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    """The resolved recipe."""
    hardware: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str = ""
    """Commit of trajectune's checkout; empty when it was installed without one."""
    files: dict[str, str] = Field(default_factory=dict)
    """What lies where, relative to the run directory."""

    @model_validator(mode="after")
    def _readable(self) -> Self:
        if self.schema_version > RESULTS_VERSION:
            raise ValueError(
                f"schema_version {self.schema_version} is newer than {RESULTS_VERSION}: upgrade trajectune"
            )
        return self
