"""What is measured (a system), with what (a suite), and what comes out (a measurement).

The idea: one system on one suite is one `Measurement`: metrics with intervals, and a file of items behind
them. Before and after, ablation tables, up-scaling curves and leaderboards are views of a list of
measurements; nothing here knows any of them.

Invariants: a measurement says who was measured (names, digests of weights and template), so it can never be
taken for another system's; what could not be measured is `skipped` or `failed` with a reason, never a zero;
metrics can be computed again from the items.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import ClassVar, Literal

from pydantic import Field, JsonValue

from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.scoring import as_model
from trajectune.evaluate.intervals import Interval
from trajectune.models.loading import LoadedModel
from trajectune.progress import OnProgress, silent
from trajectune.trajectory import Record

Group = Literal["held-in", "held-out", "general", "hallucination"]
Need = Literal["generation", "likelihoods", "judge", "java", "browser", "network", "site"]
Status = Literal["done", "skipped", "failed"]


class SystemIdentity(Record):
    """Who was measured."""

    name: str
    """What tables call it: `base`, `tuned`, `emulated`."""
    model: str
    """The model or composition file, as it was named; for a composition the formula."""
    base: str = ""
    """The model that it was tuned from; empty for one that was not tuned here."""
    weights: str = ""
    """Digest of the weights of every model in it."""
    template: str = ""
    """Digest of tokenizer and chat template."""
    dialect: str = ""
    """How it wrote its moves, where it acted."""


@dataclass(frozen=True)
class System:
    """A model, or a composition of several, that can be measured.

    `suite.measure(system, folder)` is given one; `load_system` makes it.
    """

    identity: SystemIdentity
    composition: Composition
    speculation: Speculation | None = None
    batch_size: int = 16
    """Conversations decoded at once."""
    max_new_tokens: int = 128
    """Longest reply, in tokens (AgentBench: 128)."""
    max_context: int = 2048
    """Longest conversation, in tokens."""

    @property
    def name(self) -> str:
        return self.identity.name

    @cached_property
    def scorer(self) -> LoadedModel:
        """The system as a model that gives logits for given text."""
        return as_model(self.composition)


class Item(Record):
    """One task or question of a suite, as it went.

    `Item(task="t-1", score=1.0)`.
    """

    task: str
    attempt: int = 0
    seed: int = 0
    kind: str = ""
    """Part of the suite that it belongs to, for tables."""
    score: float
    weight: float = 1.0
    """What the score is a sum over (tokens, say), where the metric is a mean over those."""
    tokens: int = 0
    """Generated tokens."""
    seconds: float = 0.0
    money: float = 0.0
    """US dollars paid to an endpoint."""


class Measurement(Record):
    """One system on one suite.

    `Measurement(suite="mine", group="held-out", system=system.identity, metrics={…})`.
    """

    suite: str
    group: Group
    system: SystemIdentity
    status: Status = "done"
    reason: str = ""
    """Why it was skipped or failed."""
    note: str = ""
    """The suite's own word on what these tasks are not."""
    warnings: list[str] = Field(default_factory=list)
    """What whoever reads the numbers must know, a sentence each: what broke and does not count, and why."""
    headline: str = ""
    """Name of the metric that stands for all."""
    lower_is_better: bool = False
    """Whether less of the headline metric is better (a loss)."""
    metrics: dict[str, Interval] = Field(default_factory=dict)
    """By name; a part of a metric is `metric/part` (`success/select`). What was not measured is absent."""
    counts: dict[str, int] = Field(default_factory=dict)
    """Episodes, replies, infrastructure errors, … : what the metrics rest on."""
    items: str = ""
    """File of items, relative to the measurement's folder."""
    seconds: float = 0.0

    @property
    def value(self) -> Interval | None:
        """The headline metric."""
        return self.metrics.get(self.headline)


class Suite(ABC):
    """A set of tasks or questions with its metrics.

    `class Mine(Suite): name, group = "mine", "held-out"`, with `measure`.
    """

    name: str
    group: Group
    needs: ClassVar[frozenset[Need]] = frozenset()
    """What must be there; a suite whose needs are not met is skipped, with the reason."""

    @abstractmethod
    def measure(
        self, system: System, folder: Path, seed: int = 0, on_progress: OnProgress = silent
    ) -> Measurement:
        """Measure a system. Leaves its items in `folder`, and goes on from what is there already.

        Raises what a user must mend (`TrajectuneError`); anything else that leaves it is recorded as a
        failure.
        """

    def settings(self) -> dict[str, JsonValue]:
        """What its numbers depend on besides system and seed: a folder is gone on with under equal ones."""
        return {}

    def unmet(self) -> str:
        """Which need is not met here, in words; empty when all are."""
        return ""
