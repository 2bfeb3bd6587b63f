"""Checkpoints: fp32 weights, AdamW's state and the step, in safetensors and JSON, never pickle.

Invariants: a checkpoint is a folder that appears whole (written beside, then renamed), so after `kill -9`
the newest one can always be read; what remains of an unfinished one is swept away by the next.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from pydantic import BaseModel, ConfigDict
from safetensors.torch import load_file, save_file

from trajectune.errors import RecipeError
from trajectune.storage import read_record, write_folder, write_json
from trajectune.tune.model.optimizer import MasterAdamW


class CheckpointState(BaseModel):
    """What a checkpoint knows beside the tensors."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    step: int
    """Steps done."""
    precision: str
    """Number format in use; kept when tuning goes on, even if a new measurement would differ."""
    pack_tokens: int | None = None
    """Size of the packs; kept too, even if more or less memory is free now."""
    fingerprint: str
    """Digest of rows, shares, model and settings."""


class Checkpoints:
    """The checkpoints of one run directory."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder, self._keep = folder, keep

    def latest(self, fingerprint: str) -> tuple[Path, CheckpointState] | None:
        """The newest checkpoint, or None. Raises `RecipeError` when it belongs to another tuning."""
        found = self._all()
        if not found:
            return None
        state = read_record(found[-1] / "state.json", CheckpointState, "the state of a checkpoint")
        if state.fingerprint != fingerprint:
            raise RecipeError(
                "this run directory holds a checkpoint made with other rows, shares, model or settings",
                where=str(found[-1]),
                remedy="use another run directory, or remove the checkpoints to begin anew",
            )
        return found[-1], state

    def save(self, optimizer: MasterAdamW, state: CheckpointState) -> None:
        """Write a checkpoint and remove the oldest ones."""
        weights, moments = optimizer.state()

        def write(folder: Path) -> None:
            save_file(weights, folder / "weights.safetensors")
            save_file(moments, folder / "optimizer.safetensors")
            write_json(folder / "state.json", state.model_dump())

        write_folder(self.folder / f"step-{state.step:06d}", write)
        for old in self._all()[: -self._keep]:
            shutil.rmtree(old)

    def restore(self, optimizer: MasterAdamW, path: Path, step: int) -> None:
        """Bring weights and optimizer to where they were after `step` steps."""
        optimizer.restore(
            load_file(path / "weights.safetensors"), load_file(path / "optimizer.safetensors"), step
        )

    def clear(self) -> None:
        """Remove all checkpoints."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _all(self) -> list[Path]:
        """The oldest first: by number, as names of unlike length do not sort by it."""
        whole = [path for path in self.folder.glob("step-*") if path.suffix != ".part"]
        return sorted(whole, key=lambda path: int(path.name.removeprefix("step-")))
