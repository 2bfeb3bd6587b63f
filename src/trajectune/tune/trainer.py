"""One tuning run: its model, its optimizer and the step they have reached.

The idea: everything that decides what happens in step t is a function of the settings and t. So a run that
was killed goes on from its last checkpoint and ends with the same weights, bit for bit in fp32 on CPU.

Invariant: the loss of a step is Σ share_s · (mean loss of source s over the step's trained tokens, each
counted as often as its label weighs), over all packs and processes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from trajectune.errors import DataError, RecipeError
from trajectune.models.identity import Provenance
from trajectune.progress import OnProgress, Progress, silent
from trajectune.storage import write_folder, write_json
from trajectune.tune.checkpoint import Checkpoints, CheckpointState
from trajectune.tune.data.groups import groups_of, sources_of
from trajectune.tune.data.packing import pack_rows, split_among
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.schedule import Schedule, learning_rate
from trajectune.tune.metrics import (
    MetricsLog,
    SourceMetrics,
    StepMetrics,
    TuneResult,
    by_label,
    read_metrics,
    total_by_source,
)
from trajectune.tune.model.loss import group_weights
from trajectune.tune.model.optimizer import MasterAdamW
from trajectune.tune.model.trainable import TrainableModel, choose_precision, load_trainable
from trajectune.tune.processes import Processes
from trajectune.tune.room import Room, choose_room, free_memory
from trajectune.tune.saving import save_tuned
from trajectune.tune.settings import TuneSettings
from trajectune.tune.size import size_of_config

RESULT = "result.json"
"""Name of the file in the run directory that says that tuning is done, and what it came to."""


class Trainer:
    """One tuning run: its model, its optimizer and the step they have reached."""

    def __init__(
        self,
        rows: Sequence[TokenRow],
        model: str | Path,
        settings: TuneSettings,
        run_dir: Path,
        shares: Mapping[str, float],
        processes: Processes,
        fingerprint: str,
    ) -> None:
        self.rows, self.settings, self.run_dir, self.processes = rows, settings, run_dir, processes
        self.groups = groups_of(rows)
        self.factors = np.array([settings.weight_of(group.label) for group in self.groups])
        if not self.factors.any():
            raise RecipeError(
                "no trained token has any weight", remedy="raise `capability_weights` or `format_weight`"
            )
        self.shares = {source: shares[source] for source in sources_of(self.groups)}
        self.fingerprint = fingerprint
        self.checkpoints = Checkpoints(run_dir / "checkpoints", settings.keep_checkpoints)
        found = self.checkpoints.latest(fingerprint)
        free = free_memory(processes.device) / processes.beside
        self.precision = found[1].precision if found else choose_precision(settings, processes.device)
        self.trainable: TrainableModel = load_trainable(model, settings, self.precision, processes.device)
        _check_tokens(rows, self.trainable.vocabulary)
        self.optimizer = MasterAdamW(self.trainable.trained, settings)
        self.schedule = Schedule(
            rows, settings.batch_rows, epochs=settings.epochs, steps=settings.steps, seed=settings.seed
        )
        self.room = self._choose_room(free, found[1].pack_tokens if found else None)
        self.trainable.keep = self.room.keep
        self.done = 0
        if found:
            self.done = found[1].step
            self.checkpoints.restore(self.optimizer, found[0], self.done)
        processes.wait()

    def run(
        self, on_progress: OnProgress = silent, after_step: Callable[[], object] = lambda: None
    ) -> None:
        """All steps that are left, with a checkpoint now and then."""
        total, first = self.schedule.steps, self.processes.first
        if first:
            on_progress(Progress("tuning", self.done, total, str(self.room)))
        with MetricsLog(self.run_dir, self.done, first=first) as log:
            while self.done < total:
                metrics = self.step()
                after_step()
                log.write(metrics)
                if first:
                    on_progress(Progress("tuning", self.done, total, f"loss {metrics.loss:.3f}"))
                if self.done % self.settings.checkpoint_every == 0 and self.done < total and first:
                    self.checkpoints.save(self.optimizer, self._state())

    def step(self) -> StepMetrics:
        """One optimizer step."""
        start, settings = time.perf_counter(), self.settings
        torch.manual_seed(settings.seed + self.done)  # for dropout; nothing else is drawn
        chosen = self.schedule.rows_of(self.done)
        packs = pack_rows(self.rows, chosen, self.groups, self.room.pack_tokens, share=settings.prefix_tree)
        counts = np.sum([pack.counts.sum(axis=0, dtype=np.float64) for pack in packs], axis=0)
        weights = group_weights(counts, self.groups, self.shares, self.factors)
        mine = split_among(packs, self.processes.size)[self.processes.rank]
        sums = torch.from_numpy(self.trainable.accumulate(mine, weights)).to(self.trainable.device)
        self.processes.add_up([sums, *self.optimizer.gradients()])
        rate = learning_rate(self.done, self.schedule.steps, settings.learning_rate, settings.warmup_ratio)
        norm = self.optimizer.step(rate, settings.clip)
        self.done += 1
        losses = sums.cpu().numpy()
        capabilities, kinds = by_label(self.groups, losses, counts)
        return StepMetrics(
            step=self.done,
            loss=weights.total(losses),
            sources=self._by_source(chosen, losses @ weights.members, counts @ weights.members),
            capabilities=capabilities,
            kinds=kinds,
            learning_rate=rate,
            gradient_norm=norm,
            rows=len(chosen),
            tokens=sum(pack.row_tokens for pack in packs),
            unique_tokens=sum(len(pack) for pack in packs),
            trained_tokens=int(counts.sum()),
            packs=len(packs),
            seconds=round(time.perf_counter() - start, 4),
        )

    def finish(self, provenance: Provenance | None = None) -> None:
        """Save the model with its provenance, then what tuning came to, then sweep the checkpoints away."""
        trained = self.trainable
        write_folder(
            self.run_dir / "model",
            lambda folder: save_tuned(trained.whole, trained.tokenizer, provenance, folder),
        )
        write_json(self.run_dir / RESULT, self._result().model_dump(mode="json"))
        self.checkpoints.clear()

    def _choose_room(self, free: float, before: int | None) -> Room:
        """The same in all processes; with the packs of `before`, where tuning goes on from there."""
        settings = self.settings.model_copy(update={"precision": self.precision})
        if settings.memory == "auto" and before is not None:
            settings = settings.model_copy(update={"pack_tokens": before})
        size = size_of_config(self.trainable.config.to_dict())
        room = choose_room(self.rows, self.schedule, size, settings, free)
        return room.model_copy(update={"pack_tokens": self.processes.least(room.pack_tokens)})

    def _state(self) -> CheckpointState:
        return CheckpointState(
            step=self.done,
            precision=self.precision,
            pack_tokens=self.room.pack_tokens,
            fingerprint=self.fingerprint,
        )

    def _by_source(
        self, chosen: Sequence[int], losses: NDArray[np.float64], counts: NDArray[np.float64]
    ) -> dict[str, SourceMetrics]:
        parts: dict[str, SourceMetrics] = {}
        for index in chosen:
            part = parts.setdefault(self.rows[index].source, SourceMetrics())
            part.rows += 1
            part.tokens += len(self.rows[index])
        for source, part in parts.items():
            column = list(self.shares).index(source)
            part.trained_tokens = int(counts[column])
            part.loss = float(losses[column] / counts[column])
        return parts

    def _result(self) -> TuneResult:
        steps = read_metrics(self.run_dir)
        late = steps[-max(1, len(steps) // 10) :]
        total = sum(self.shares.values())
        return TuneResult(
            model=self.run_dir / "model",
            steps=len(steps),
            precision=self.precision,
            memory=str(self.room),
            first_loss=steps[0].loss,
            last_loss=sum(step.loss for step in late) / len(late),
            rows=sum(step.rows for step in steps),
            tokens=sum(step.tokens for step in steps),
            unique_tokens=sum(step.unique_tokens for step in steps),
            trained_tokens=sum(step.trained_tokens for step in steps),
            seconds=sum(step.seconds for step in steps),
            sources=total_by_source(steps),
            shares={source: share / total for source, share in self.shares.items()},
            fingerprint=self.fingerprint,
        )


def _check_tokens(rows: Sequence[TokenRow], vocabulary: int) -> None:
    """Raise DataError for a token that the model has no embedding of."""
    for row in rows:
        if (highest := int(row.tokens.max())) >= vocabulary:
            raise DataError(
                f"token {highest:,} is none of the model's {vocabulary:,}",
                where=f"row {row.id} of {row.source}",
                remedy="take the tokenizer that belongs to the model, or leave the row away",
            )
