"""The stage `tune`: the curated rows into the trainer, with the shares of the mixture."""

from __future__ import annotations

from pathlib import Path

from agenttune.decode.loading import resolve_model
from agenttune.pipeline.mixing import read_curated, token_rows
from agenttune.recipe import Recipe
from agenttune.tune.loop import tune
from agenttune.tune.metrics import TuneResult
from agenttune.tune.templates import load_tokenizer


def train(recipe: Recipe, curated: Path, folder: Path) -> TuneResult:
    """Tune the recipe's model on what `curate` left; the result is in `folder/model`."""
    rows = token_rows(curated / "train.jsonl", load_tokenizer(recipe.model), recipe.tune.max_tokens)
    return tune(rows, resolve_model(recipe.model), recipe.tune, folder, read_curated(curated).shares)
