"""The stage `tune`: the curated examples into the trainer, with the shares of the mixture.

Leaves `model/`, `metrics.jsonl` and the trainer's own files. Goes on from the last checkpoint.
"""

from __future__ import annotations

from pydantic import JsonValue

from trajectune.run.api.tuning import tune
from trajectune.run.recipe import Recipe
from trajectune.run.stage import Work
from trajectune.run.stages.agents import acting_base
from trajectune.run.stages.curate import agent_dialect, read_mixed
from trajectune.run.stages.values import model_values

NO_MATTER = {"checkpoint_every", "keep_checkpoints", "memory"}
"""Settings that do not change the tuned model."""


def reads(recipe: Recipe) -> JsonValue:
    """What the result depends on."""
    settings = recipe.tune.settings(recipe.seed)
    teacher = model_values(settings.teacher) if settings.teacher else None
    values = settings.model_dump(mode="json", exclude=NO_MATTER)
    return {"model": acting_base(recipe), "settings": values | {"teacher": teacher}}


def run(work: Work) -> None:
    """Do the work."""
    settings = work.recipe.tune.settings(work.recipe.seed)
    tune(
        work.base_model,
        read_mixed(work.input("curate")),
        settings,
        to=work.folder,
        dialect=agent_dialect(work.recipe),
        on_progress=work.on_progress,
    )
