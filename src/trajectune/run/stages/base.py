"""The stage `base`: a small base model is made of a larger one, where the recipe asks for that.

Leaves what `trajectune.run.api.shrinking` does, and `model`, a link to the small model. It is not healed on
prompts whose answers measure general ability later, so it needs the stage `general`.
"""

from __future__ import annotations

from pydantic import JsonValue

from trajectune.example import Example
from trajectune.run.api.shrinking import make_small
from trajectune.run.recipe import Recipe
from trajectune.run.recipe.sections import ShrinkSpec
from trajectune.run.stage import Work
from trajectune.run.stages.values import model_values
from trajectune.storage import read_records


def reads(recipe: Recipe) -> JsonValue:
    """What the result depends on."""
    spec = _spec(recipe)
    return {
        "model": model_values(spec.shrink),
        "layers": spec.layers,
        "rows": spec.rows,
        "epochs": spec.epochs,
        "seed": recipe.seed,
    }


def run(work: Work) -> None:
    """Do the work."""
    spec = _spec(work.recipe)
    small = make_small(
        spec.shrink,
        spec.layers,
        work.folder,
        rows=spec.rows,
        epochs=spec.epochs,
        seed=work.recipe.seed,
        without=_general_prompts(work),
        on_progress=work.on_progress,
        say=work.say,
    )
    link = work.folder / "model"
    link.unlink(missing_ok=True)
    link.symlink_to(small.relative_to(work.folder))


def _general_prompts(work: Work) -> set[str]:
    return {
        row.messages[0].content
        for name in work.recipe.curate.general
        for row in read_records(work.input("general") / f"{name}.jsonl", Example)
    }


def _spec(recipe: Recipe) -> ShrinkSpec:
    if isinstance(recipe.model, str):
        raise TypeError("the stage belongs to recipes that make their base model")
    return recipe.model
