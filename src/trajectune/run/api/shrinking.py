"""A small model for emulated fine-tuning, made of a large one: cut, then healed on what the large one says.

Healing is distillation: at every place of the large model's answers the small one learns all that the large
one would have expected there, not only the token that it said.

Leaves `answers.jsonl` (the large model's answers), `cut/` (the cut weights), `heal/` (the tuning) and
`heal/model`, the small model. Every part goes on where it was stopped.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path

from trajectune.curate.general.prompts import general_prompts
from trajectune.errors import RecipeError
from trajectune.example import Example
from trajectune.models.folder.check import check_model
from trajectune.models.loading import layer_count
from trajectune.models.quiet import quiet
from trajectune.models.shrink import check_layers, check_shrinkable, shrink
from trajectune.models.templates import load_tokenizer
from trajectune.progress import OnProgress, silent
from trajectune.run.api.data import self_distil
from trajectune.storage import locked
from trajectune.tune.data.masks import tokenize_all
from trajectune.tune.loop import tune
from trajectune.tune.settings import TuneSettings

SOURCE = "self-distilled"
SPARE = 3
"""Prompts at hand for each answer wanted: answers cut off at the limit are not used."""
BATCH = 48
"""Answers decoded at once."""
MAX_TOKENS = 1024
"""Longest answer that is learned from, with its prompt."""
MEASURED = 32
"""Answers on which the influence of the layers is measured."""


def make_small(
    model: str,
    layers: int,
    folder: Path,
    *,
    rows: int = 1_000,
    epochs: float = 3.0,
    rate: float = 6e-4,
    seed: int = 0,
    without: Collection[str] = (),
    on_progress: OnProgress = silent,
    say: Callable[[str], None] = lambda _: None,
) -> Path:
    """Cut `model` to `layers` layers and heal it on `rows` answers of its own; gives the model's folder.

    `epochs` passes over the answers at a highest learning rate of `rate`; prompts in `without` are not
    asked. Raises ModelError for models that cannot be cut, RecipeError for a folder with another cut.
    """
    config = check_model(model)
    check_layers(config.get_text_config().num_hidden_layers, layers)
    check_shrinkable(config, model)
    cut = folder / "cut"
    if cut.is_dir() and layer_count(str(cut)) != layers:
        raise RecipeError(
            f"the folder holds a model cut to {layer_count(str(cut))} layers, not {layers}",
            where=str(folder),
            remedy="give another folder, or remove this one to begin anew",
        )
    with locked(folder):
        say(f"answers of {model} → {folder / 'answers.jsonl'}")
        answers = _answers(model, folder, rows, seed, without, on_progress)
        found, _ = tokenize_all(answers, load_tokenizer(model), MAX_TOKENS)
        if not cut.is_dir():
            say(f"{model} cut to {layers} layers → {cut}")
            with quiet():
                shrink(model, layers, cut, [row.tokens.tolist() for row in found[:MEASURED]])
        say(f"healed on {len(found)} answers → {folder / 'heal'}")
        tune(found, cut, _healing(model, epochs, rate, seed), folder / "heal", {SOURCE: 1.0})
    return folder / "heal" / "model"


def _answers(
    model: str, folder: Path, rows: int, seed: int, without: Collection[str], on_progress: OnProgress
) -> list[Example]:
    """Answers of the large model, for the small one to learn from."""
    asked = general_prompts(rows * SPARE + len(without), seed, at_least=rows)
    return self_distil(
        model,
        rows=rows,
        to=folder / "answers.jsonl",
        source=SOURCE,
        prompts=[prompt for prompt in asked if prompt not in without],
        seed=seed,
        batch_size=BATCH,
        on_progress=on_progress,
    )


def _healing(teacher: str, epochs: float, rate: float, seed: int) -> TuneSettings:
    """How the small model learns from the large one."""
    return TuneSettings(
        epochs=epochs,
        batch_rows=16,
        learning_rate=rate,
        warmup_ratio=0.05,
        betas=(0.9, 0.98),
        teacher=teacher,
        seed=seed,
    )
