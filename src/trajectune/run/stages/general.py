"""The stage `general`: conversations from general sources, read from files or made by the base model.

Leaves `<name>.jsonl`, one example a line, `rejected.jsonl` where rows could not be used, and `notes.json`
where something of the others is not trained on. The model's own answers are written row by row and go on
from what is there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path

from pydantic import JsonValue

from trajectune.curate.funnel import Funnel
from trajectune.example import Example
from trajectune.run.api.data import CONTEXT, self_distil
from trajectune.run.api.rejections import Rejections, write_rejections
from trajectune.run.recipe import Recipe
from trajectune.run.recipe.sections import SourceSpec
from trajectune.run.stage import Work
from trajectune.run.stages.sources import examples_of, source_values
from trajectune.run.stages.values import model_values
from trajectune.storage import encode, open_atomic

NOTES = "notes.json"
OWN_ROWS = 300
"""Examples that the base model makes itself when the recipe gives no number."""


def reads(recipe: Recipe) -> JsonValue:
    """What the result depends on."""
    return {name: _values(recipe, spec) for name, spec in recipe.curate.general.items()}


def run(work: Work) -> None:
    """Do the work."""
    recipe, folder = work.recipe, work.folder
    rejected: Rejections = []
    funnel = Funnel()
    for name, spec in recipe.curate.general.items():
        notes: Counter[str] = Counter()
        if spec.data == "self":
            examples: Iterable[Example] = self_distil(
                recipe.source_model,
                rows=_wanted(recipe, spec),
                to=folder / f"{name}.answers.jsonl",
                source=name,
                seed=recipe.seed,
                batch_size=2 * recipe.rollout.batch_size,
                on_progress=work.on_progress,
            )
        else:
            examples = examples_of(recipe, spec, name, rejected, notes)
        with open_atomic(folder / f"{name}.jsonl") as file:
            for example in examples:
                file.write(encode(example))
        funnel.note(name, notes, work.say)
    if funnel.notes:
        funnel.save(folder / NOTES)
    write_rejections(folder / "rejected.jsonl", rejected)
    if rejected:
        work.say(f"{len(rejected)} general rows rejected; the reasons are in {folder / 'rejected.jsonl'}")


def read_notes(folder: Path) -> dict[str, dict[str, int]]:
    """What of the general rows does not reach the trainer, by source and reason, as the stage left it."""
    return Funnel.load(folder / NOTES).notes if (folder / NOTES).exists() else {}


def _values(recipe: Recipe, spec: SourceSpec) -> JsonValue:
    if spec.data != "self":
        return source_values(recipe, spec)
    values: Mapping[str, JsonValue] = {
        "model": model_values(recipe.source_model),
        "rows": _wanted(recipe, spec),
        "context": CONTEXT,
        "seed": recipe.seed,
    }
    return dict(values)


def _wanted(recipe: Recipe, spec: SourceSpec) -> int:
    """Rows to make: those to train on and those to hold out."""
    return (spec.rows or OWN_ROWS) + recipe.curate.validation
