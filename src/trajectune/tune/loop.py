"""Tuning, from rows to a saved model.

Invariants: `run_dir/model` appears whole, when everything is done; tuning again with the same inputs does
nothing, and other inputs are refused in the same place.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from trajectune.errors import DataError, RecipeError
from trajectune.models.folder.names import resolve_model
from trajectune.models.identity import Provenance, template_digest, weights_digest
from trajectune.progress import OnProgress, silent
from trajectune.storage import read_record
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.metrics import TuneResult
from trajectune.tune.model.memory import Holes, give_back_freed_memory, keep_freed_memory
from trajectune.tune.processes import join_processes
from trajectune.tune.settings import TuneSettings
from trajectune.tune.trainer import RESULT, Trainer


def tune(
    rows: Sequence[TokenRow],
    model: str | Path,
    settings: TuneSettings,
    run_dir: Path,
    shares: Mapping[str, float],
    *,
    dialect: str = "",
    on_progress: OnProgress = silent,
) -> TuneResult:
    """Tune `model` (a name or a folder) on `rows` and save it in `run_dir/model`.

    `shares` gives each source's part of the loss. Rows of a source with share 0 are not computed; the
    parts of sources without rows (in the whole or in a step) go to the others in proportion. Goes on from
    the last checkpoint in `run_dir`, and does nothing when its model is there already. The model's folder
    says what it was tuned from, under which template and in which `dialect` (`Provenance`).
    Raises `DataError`, `RecipeError` or `ModelError` for what a user can mend.
    """
    rows = _used(rows, shares)
    processes = join_processes(settings.device)
    fingerprint = _fingerprint(rows, shares, model, settings)
    if (finished := _finished(run_dir, fingerprint)) is not None:
        return finished
    with _large_blocks(processes.device) as after_step:
        trainer = Trainer(rows, model, settings, run_dir, shares, processes, fingerprint)
        provenance = _provenance(model, trainer, dialect) if processes.first else None
        trainer.run(on_progress, after_step)
        if processes.first:
            trainer.finish(provenance)
        processes.wait()
        del trainer
    return read_record(run_dir / RESULT, TuneResult, "the result of a tuning")


@contextmanager
def _large_blocks(device: str) -> Iterator[Callable[[], object]]:
    """While a tuning runs on a CPU, the memory that it frees stays with it; gives what bounds that."""
    if device != "cpu" or not keep_freed_memory():
        yield lambda: None
        return
    try:
        yield Holes().settle
    finally:
        give_back_freed_memory()


def _provenance(model: str | Path, trainer: Trainer, dialect: str) -> Provenance | None:
    """What the tuned model came from; `None` for a model without a tokenizer, whose template is unknown."""
    tokenizer = trainer.trainable.tokenizer
    if tokenizer is None:
        return None
    return Provenance(
        base=str(model),
        base_weights=weights_digest(resolve_model(str(model))),
        template=template_digest(tokenizer),
        dialect=dialect,
    )


def _used(rows: Sequence[TokenRow], shares: Mapping[str, float]) -> list[TokenRow]:
    """The rows whose source has a part of the loss."""
    missing = sorted({row.source for row in rows} - set(shares))
    if missing:
        raise RecipeError(
            f"no share of the loss is given for {', '.join(missing)}", remedy="name every source"
        )
    if any(not 0 <= share < float("inf") for share in shares.values()):
        raise RecipeError(
            "a share of the loss is negative or no number", remedy="shares lie between 0 and 1"
        )
    used = [row for row in rows if shares[row.source] > 0]
    if not used:
        raise DataError(
            "there is no row to tune on", remedy="check which rows were rejected, and the sources' shares"
        )
    return used


def _finished(run_dir: Path, fingerprint: str) -> TuneResult | None:
    """The result of an equal tuning that is already here."""
    if not (run_dir / RESULT).exists():
        return None
    result = read_record(run_dir / RESULT, TuneResult, "the result of a tuning")
    if result.fingerprint != fingerprint:
        raise RecipeError(
            "this run directory holds a model tuned with other rows, shares, base model or settings",
            where=str(run_dir),
            remedy="use another run directory, or remove this one to begin anew",
        )
    return result


def _fingerprint(
    rows: Sequence[TokenRow], shares: Mapping[str, float], model: str | Path, settings: TuneSettings
) -> str:
    """Digest of everything that decides what the tuned weights are."""
    free = {"checkpoint_every", "keep_checkpoints", "device", "memory"}
    digest = hashlib.sha256()
    head = [str(model), dict(sorted(shares.items())), settings.model_dump(mode="json", exclude=free)]
    digest.update(json.dumps(head).encode())
    for row in rows:
        digest.update(f"\0{row.id}\0{row.source}\0".encode())
        digest.update(row.tokens.tobytes())
        digest.update(row.trained.tobytes())
        if row.labels.any():
            digest.update(row.labels.tobytes())
    return digest.hexdigest()
