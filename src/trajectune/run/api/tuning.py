"""Tuning: `tune`, `Tuned`."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from trajectune.errors import DataError
from trajectune.models.folder.check import check_model
from trajectune.models.folder.names import resolve_model
from trajectune.models.templates import load_tokenizer
from trajectune.progress import OnProgress
from trajectune.run.api.data import Mixed
from trajectune.run.api.rejections import Rejections, as_rejections
from trajectune.run.display import shown
from trajectune.run.followers import is_follower
from trajectune.storage import locked
from trajectune.tune.data.prove import prove
from trajectune.tune.loop import tune as train
from trajectune.tune.metrics import TuneResult
from trajectune.tune.model.early import check_tunable
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
    dialect: str = "",
    on_progress: OnProgress | None = None,
) -> Tuned:
    """Tune a model on mixed data: `tune("embedded", data, TuneSettings(epochs=1), to="nb/tune")`.

    The result is in `to/model`, whose note says what it was tuned from and in which `dialect` its agent
    data is. Goes on from the last checkpoint in `to`. Raises `DataError` when no
    example can be trained on, and what else a user must mend.
    """
    settings = settings or TuneSettings()
    check_tunable(check_model(model), settings)
    proven = prove(data.train, load_tokenizer(model), settings.max_tokens)
    if not proven.rows:
        reason = proven.rejected[0].reason if proven.rejected else "there is none"
        raise DataError(f"no example can be trained on: {reason}", where=str(to))
    with _alone(to), shown(on_progress) as tell:
        result = train(
            proven.rows,
            resolve_model(model),
            settings,
            Path(to),
            data.shares,
            dialect=dialect,
            on_progress=tell,
        )
    return Tuned(str(Path(to) / "model"), model, result, as_rejections(proven.rejected))


def _alone(folder: str | Path) -> AbstractContextManager[None]:
    """Keeps others out of the folder; those that `torchrun` started beside this process belong to it."""
    return nullcontext() if is_follower() else locked(folder)
