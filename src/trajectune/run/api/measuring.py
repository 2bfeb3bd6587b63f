"""Measuring and reporting: `evaluate`, `Evaluated`, `compare`, `Compared`, `compose`, `report`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from trajectune.composition.files import Emulation
from trajectune.errors import RecipeError
from trajectune.evaluate.compare import PairedChange
from trajectune.evaluate.compare import compare as pair
from trajectune.evaluate.contract import Measurement, Suite, System
from trajectune.evaluate.run import evaluate as measure
from trajectune.evaluate.suites.environment import EPISODES
from trajectune.evaluate.systems import load_system
from trajectune.progress import OnProgress
from trajectune.report.contents import Entry, Page
from trajectune.report.page import write_page
from trajectune.report.sections.provenance import commit, hardware, versions
from trajectune.report.sections.samples import Sample, choose_samples
from trajectune.run.display import shown
from trajectune.storage import explain, locked, read_records
from trajectune.trajectory import Trajectory


@dataclass(frozen=True)
class Evaluated:
    """One system, measured: its measurements and the folder that holds the items behind them.

    `base = evaluate("embedded", suites, to="nb/base")`.
    """

    name: str
    measurements: list[Measurement]
    folder: Path

    def episodes(self) -> dict[str, list[Trajectory]]:
        """What the system did in the environments, by suite."""
        return {
            measurement.suite: list(read_records(path, Trajectory))
            for measurement in self.measurements
            if (path := self.folder / measurement.suite / EPISODES).exists()
        }


@dataclass(frozen=True)
class Compared:
    """Two systems, item by item; `print` shows a line for each suite."""

    changes: list[PairedChange]

    def __str__(self) -> str:
        return "\n".join(_in_words(change) for change in self.changes)


def evaluate(
    model: str | Emulation | System,
    suites: Sequence[Suite],
    *,
    to: str | Path,
    name: str = "",
    base: str = "",
    dialect: str = "",
    batch_size: int = 16,
    max_new_tokens: int = 128,
    max_context: int = 2048,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Evaluated:
    """Measure a model or a composition: `evaluate(tuned.model, suites, to="nb/after")`.

    `name` is what tables call it (the folder's name if empty). Each suite leaves its items and its
    measurement in `to/<suite>`; what is finished there is read back. Raises what a user must mend.
    """
    folder = Path(to)
    if not isinstance(model, System):
        model = load_system(
            name or folder.name,
            model.compose() if isinstance(model, Emulation) else model,
            base=base,
            dialect=dialect,
            batch_size=batch_size,
            max_new_tokens=max_new_tokens,
            max_context=max_context,
            speculation=model.speculation if isinstance(model, Emulation) else None,
        )
    with locked(folder), shown(on_progress) as tell:
        measured = measure(model, suites, folder, seed=seed, on_progress=tell)
    return Evaluated(model.name, measured, folder)


def compare(before: Evaluated, after: Evaluated, seed: int = 0) -> Compared:
    """What changed on the items that both were measured on: `print(compare(base, after))`."""
    return Compared(pair(before.measurements, after.measurements, before.folder, after.folder, seed))


def compose(form: str, *, strength: float = 1.0, **models: Any) -> Emulation:
    """A composition of models: `compose("upscale", large="my/large", tuned=tuned.model, base="embedded")`.

    Forms and their models are those of `trajectune emulate`. Other fields of a composition file (`top_p`,
    `weights`, `draft`) may be given too. Raises `RecipeError`, or `ModelError` for roles that do not fit.
    """
    extra = {key: models.pop(key) for key in list(models) if key in Emulation.model_fields}
    roles = {role: str(model) for role, model in models.items()}
    try:
        emulation = Emulation.model_validate({"form": form, "strength": strength, "models": roles, **extra})
    except ValidationError as error:
        raise RecipeError(f"this is no composition: {explain(error)}", where=form) from None
    emulation.check_roles()
    return emulation


def report(
    systems: Sequence[Evaluated],
    *,
    to: str | Path,
    title: str = "",
    model: str = "",
    references: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """One page over measured systems: `report([base, after], to="nb/report")`; gives `index.html`.

    Each system is compared with the first. `references`, scores of other models by suite
    (`{model: {suite: score}}`), give AgentTuning's overall score. Raises `RecipeError` where there is no
    system.
    """
    if not systems:
        raise RecipeError("there is nothing to report", remedy="give at least one evaluated system")
    first, folder = systems[0], Path(to)
    page = Page(
        title=title or folder.absolute().parent.name,
        model=model or first_model(first),
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        entries=[Entry(system=each.name, measurement=m) for each in systems for m in each.measurements],
        changes=[change for each in systems[1:] for change in compare(first, each).changes],
        references={name: dict(scores) for name, scores in (references or {}).items()},
        hardware=hardware(),
        versions=versions(),
        commit=commit(),
    )
    with locked(folder):
        return write_page(page, samples_of({each.name: each for each in systems}), folder)


def samples_of(systems: Mapping[str, Evaluated]) -> list[Sample]:
    """Episodes that tell most, side by side, by the systems' names."""
    return choose_samples({name: each.episodes() for name, each in systems.items()})


def first_model(evaluated: Evaluated) -> str:
    """How the measured model was named; empty where nothing was measured."""
    return next((each.system.model for each in evaluated.measurements), "")


def _in_words(change: PairedChange) -> str:
    line = f"{change.suite}: {change.before} → {change.after}: "
    if change.change is None:
        return line + "nothing in common"
    low, value, high = (getattr(change.change, name) for name in ("low", "value", "high"))
    counts = f"{change.gained} better, {change.lost} worse of {change.tasks}"
    return f"{line}{value:+.3f} [{low:+.3f}, {high:+.3f}], {counts}, p = {change.p_value:.3g}"
