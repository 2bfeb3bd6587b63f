"""Tuning: `tune`, `Tuned`."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from trajectune.errors import DataError
from trajectune.models.loading import resolve_model
from trajectune.models.templates import load_tokenizer
from trajectune.progress import OnProgress, silent
from trajectune.run.api.data import Mixed
from trajectune.run.api.rejections import Rejections
from trajectune.tune.data.masks import tokenize_all
from trajectune.tune.loop import tune as train
from trajectune.tune.metrics import TuneResult
from trajectune.tune.settings import TuneSettings


@dataclass(frozen=True)
class Tuned:
    """A tuned model: `tuned.model` is its folder."""

    model: str
    base: str
    """The model that it was tuned from."""
    result: TuneResult
    rejections: Rejections = field(default_factory=list)
    """Examples that could not be trained on, with the reason."""


def tune(
    model: str,
    data: Mixed,
    settings: TuneSettings | None = None,
    *,
    to: str | Path,
    on_progress: OnProgress = silent,
) -> Tuned:
    """Tune a model on mixed data: `tune("embedded", data, TuneSettings(epochs=1), to="nb/tune")`.

    The result is in `to/model`. Goes on from the last checkpoint in `to`. Raises `DataError` when no
    example can be trained on, and what else a user must mend.
    """
    settings = settings or TuneSettings()
    sources = {example.id: example.source for example in data.train}
    rows, unproven = tokenize_all(data.train, load_tokenizer(model), settings.max_tokens)
    if not rows:
        reason = unproven[0][1] if unproven else "there is none"
        raise DataError(f"no example can be trained on: {reason}", where=str(to))
    result = train(rows, resolve_model(model), settings, Path(to), data.shares)
    rejections = [(sources[name], f"{name}: {reason}") for name, reason in unproven]
    return Tuned(str(Path(to) / "model"), model, result, rejections)
