"""What each step measured, as JSON Lines and for TensorBoard, and what a whole tuning comes to.

Invariant: `metrics.jsonl` has exactly one line for each step done, also after a crash: what lies beyond
the checkpoint from which tuning goes on is cut off, since those steps are done again.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field
from torch.utils.tensorboard import SummaryWriter

from trajectune.storage import JsonlWriter, read_records, write_atomic
from trajectune.tune.data.groups import Group
from trajectune.tune.data.labels import UNLABELLED, capability_of, is_format


class SourceMetrics(BaseModel):
    """One source's part of a step, or of a whole tuning."""

    model_config = ConfigDict(extra="forbid")

    rows: int = 0
    tokens: int = 0
    """Tokens of its rows."""
    trained_tokens: int = 0
    """Tokens of it in the loss."""
    loss: float = 0.0
    """Mean −log p of its trained tokens, in nats."""


class PartMetrics(BaseModel):
    """The tokens of one capability, or the format or content among all, in a step."""

    model_config = ConfigDict(extra="forbid")

    trained_tokens: int
    loss: float
    """Mean −log p of them, in nats."""


class StepMetrics(BaseModel):
    """One optimizer step."""

    model_config = ConfigDict(extra="forbid")

    step: int
    """Counts from 1: the number of steps done."""
    loss: float
    """Σ share · loss over the sources."""
    sources: dict[str, SourceMetrics]
    """By source; one that has no row in this step is absent."""
    capabilities: dict[str, PartMetrics] = Field(default_factory=dict)
    """By capability, over all sources; `other` is what nobody labelled."""
    kinds: dict[str, PartMetrics] = Field(default_factory=dict)
    """`format` and `content`, over all sources; empty where nothing is labelled."""
    learning_rate: float
    gradient_norm: float
    """Before clipping."""
    rows: int
    tokens: int
    """Tokens of the rows."""
    unique_tokens: int
    """Tokens that were computed: what rows of a pack share counts once."""
    trained_tokens: int
    packs: int
    seconds: float


class TuneResult(BaseModel):
    """What a tuning came to."""

    model_config = ConfigDict(extra="forbid")

    model: Path
    """Folder of the tuned model (with LoRA: of the adapters), tokenizer and chat template included."""
    steps: int
    precision: str
    """`fp32` or `bf16`."""
    memory: str = ""
    """What memory was used for: packs, what attention kept, and why."""
    first_loss: float
    last_loss: float
    """Mean over the last tenth of the steps."""
    rows: int
    """Rows seen, a row counted as often as it was seen."""
    tokens: int
    unique_tokens: int
    trained_tokens: int
    seconds: float
    """In optimizer steps, over all starts."""
    sources: dict[str, SourceMetrics]
    """Totals by source; `loss` is the mean over the last tenth of the steps."""
    shares: dict[str, float] = Field(default_factory=dict)
    """Part of the loss that each source was given."""
    fingerprint: str = ""
    """Digest of rows, shares, model and settings."""


class MetricsLog:
    """Writes each step's metrics; use as a context manager."""

    def __init__(self, run_dir: Path, done: int, *, first: bool = True) -> None:
        self._path = run_dir / "metrics.jsonl"
        self._first = first
        if first:
            _cut(self._path, done)
            self._file = JsonlWriter(self._path)
            self._board = SummaryWriter(str(run_dir / "tensorboard"), purge_step=done + 1)

    def write(self, metrics: StepMetrics) -> None:
        """Record one step."""
        if not self._first:
            return
        self._file.write(metrics)
        for name in ("loss", "learning_rate", "gradient_norm"):
            self._board.add_scalar(name, getattr(metrics, name), metrics.step)
        for source, part in metrics.sources.items():
            self._board.add_scalar(f"loss/{source}", part.loss, metrics.step)
        for name, part in {**metrics.capabilities, **metrics.kinds}.items():
            self._board.add_scalar(f"loss_of/{name}", part.loss, metrics.step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._first:
            self._file.close()
            self._board.close()


def read_metrics(run_dir: Path) -> list[StepMetrics]:
    """The metrics of all steps done so far, in order."""
    path = run_dir / "metrics.jsonl"
    return list(read_records(path, StepMetrics)) if path.exists() else []


def total_by_source(steps: list[StepMetrics]) -> dict[str, SourceMetrics]:
    """Sums over the steps, with the mean loss of the last tenth of them."""
    late = steps[-max(1, len(steps) // 10) :]
    totals: dict[str, SourceMetrics] = {}
    for step in steps:
        for source, part in step.sources.items():
            total = totals.setdefault(source, SourceMetrics())
            total.rows += part.rows
            total.tokens += part.tokens
            total.trained_tokens += part.trained_tokens
    for source, total in totals.items():
        parts = [step.sources[source].loss for step in late if source in step.sources]
        parts = parts or [step.sources[source].loss for step in steps if source in step.sources][-1:]
        total.loss = sum(parts) / len(parts)
    return totals


def by_label(
    groups: Sequence[Group], losses: NDArray[np.float64], counts: NDArray[np.float64]
) -> tuple[dict[str, PartMetrics], dict[str, PartMetrics]]:
    """Metrics by capability, and of format and content, from each group's sum of −log p and count [G].

    Both empty where no token is labelled.
    """
    if all(group.label == UNLABELLED for group in groups):
        return {}, {}
    capabilities = [capability_of(group.label) for group in groups]
    names = [capability.value if capability else "other" for capability in capabilities]
    kinds = ["format" if is_format(group.label) else "content" for group in groups]
    return _parts(names, losses, counts), _parts(kinds, losses, counts)


def _parts(
    names: Sequence[str], losses: NDArray[np.float64], counts: NDArray[np.float64]
) -> dict[str, PartMetrics]:
    found: dict[str, PartMetrics] = {}
    for name in dict.fromkeys(names):
        chosen = np.array([other == name for other in names])
        if count := int(counts[chosen].sum()):
            found[name] = PartMetrics(trained_tokens=count, loss=float(losses[chosen].sum() / count))
    return found


def _cut(path: Path, done: int) -> None:
    """Forget the metrics of steps after `done`."""
    if path.exists():
        kept = [step for step in read_records(path, StepMetrics) if step.step <= done]
        write_atomic(path, "".join(step.model_dump_json() + "\n" for step in kept))
