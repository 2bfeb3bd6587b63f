"""What emulated fine-tuning gains: several systems on the same unseen tasks and the same general examples.

Invariants: a system's weights say where it stands on the curves: α = 0 is the large base model, β = 0 the
small tuned one, and α = β = 1 the emulated one, so these are measured once and are on both curves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from pydantic import Field, JsonValue

from trajectune.evaluate.agent import AgentScores
from trajectune.evaluate.general import GeneralScores
from trajectune.evaluate.intervals import Interval, gap_share
from trajectune.evaluate.results import StageTime
from trajectune.trajectory import Record, Trajectory

SMALL_BASE, SMALL_TUNED, LARGE_BASE = "small base", "small tuned", "large base"
EMULATED, LARGE_TUNED = "emulated", "large tuned"


class System(Record):
    """One model or composition, measured."""

    name: str
    alpha: float | None = None
    """Weight of the tuning in large + α·(tuned − base); `None` off that curve."""
    beta: float | None = None
    """Weight of the scale in tuned + β·(large − base); `None` off that curve."""
    agents: dict[str, AgentScores]
    """By environment."""
    general: GeneralScores | None = None


class Recovered(Record):
    """How much of tuning the large model itself emulation gives, on one environment."""

    environment: str
    from_large_base: Interval | None
    """0 is the large base model, 1 the truly tuned one; `None` when tuning brought nothing."""
    from_small_tuned: Interval | None
    """0 is the small tuned model, 1 the truly tuned large one: the paper's normalised measure."""


class UpscaleResults(Record):
    """A finished study."""

    name: str
    large: str
    small: str
    created: str
    systems: list[System]
    recovered: list[Recovered]
    stages: list[StageTime] = Field(default_factory=list)
    settings: dict[str, JsonValue] = Field(default_factory=dict)
    hardware: dict[str, str] = Field(default_factory=dict)
    versions: dict[str, str] = Field(default_factory=dict)
    commit: str = ""

    def named(self, name: str) -> System:
        """The system of this name."""
        return next(system for system in self.systems if system.name == name)


def recovered(
    environment: str, played: Mapping[str, Sequence[Trajectory]], threshold: float, seed: int = 0
) -> Recovered:
    """The shares of the gap, from the episodes of the systems by name; on tasks that all of them played."""
    solved = {
        name: {
            (each.task, each.seed): float((each.reward or 0.0) >= threshold)
            for each in episodes
            if not each.outcome.is_infrastructure_error
        }
        for name, episodes in played.items()
    }
    tasks = sorted(set.intersection(*(set(found) for found in solved.values())))
    columns = {name: np.array([found[task] for task in tasks]) for name, found in solved.items()}

    def share(floor: str) -> Interval | None:
        return gap_share(columns[floor], columns[EMULATED], columns[LARGE_TUNED], seed)

    return Recovered(
        environment=environment, from_large_base=share(LARGE_BASE), from_small_tuned=share(SMALL_TUNED)
    )
