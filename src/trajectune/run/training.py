"""The stage `tune`: the curated rows into the trainer, with the shares of the mixture."""

from __future__ import annotations

from pathlib import Path

from trajectune.models.loading import resolve_model
from trajectune.models.templates import load_tokenizer
from trajectune.run.mixing import read_curated, token_rows
from trajectune.run.recipe import Recipe
from trajectune.tune.loop import tune
from trajectune.tune.metrics import TuneResult


def train(recipe: Recipe, curated: Path, folder: Path) -> TuneResult:
    """Tune the recipe's model on what `curate` left; the result is in `folder/model`."""
    rows = token_rows(curated / "train.jsonl", load_tokenizer(recipe.model), recipe.tune.max_tokens)
    return tune(rows, resolve_model(recipe.model), recipe.tune, folder, read_curated(curated).shares)
