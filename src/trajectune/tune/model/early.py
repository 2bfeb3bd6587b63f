"""What tuning would refuse a model or its settings for, found out without its weights.

The idea: the checks of `load_trainable` look at names and shapes, so they can be made on a model without
storage, before the hours of collecting that a run begins with.
"""

from __future__ import annotations

import torch
from transformers import AutoModelForCausalLM, PreTrainedConfig

from trajectune.errors import RecipeError
from trajectune.models.quiet import quiet
from trajectune.tune.model.head import parts_of
from trajectune.tune.model.layout import windows_of
from trajectune.tune.model.trainable import choose_trained
from trajectune.tune.settings import TuneSettings


def check_tunable(config: PreTrainedConfig, settings: TuneSettings) -> None:
    """Raise ModelError or RecipeError where `load_trainable` would: in about a second, whatever the size.

    What only shows when a model computes is left to it (`trajectune.tune.model.proof`).
    """
    _check_stretch(config.get_text_config(), settings)
    windows_of(config.get_text_config())
    with quiet(), torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    parts_of(model)
    choose_trained(model, settings)


def _check_stretch(config: PreTrainedConfig, settings: TuneSettings) -> None:
    """Refuse rows on both sides of LongRoPE's limit: the longest of a pass would turn all others too."""
    rope = getattr(config, "rope_parameters", None) or {}
    limit = rope.get("original_max_position_embeddings")
    if rope.get("rope_type") == "longrope" and limit and settings.max_tokens > limit:
        raise RecipeError(
            f"the model reads rows of more than {limit:,} tokens in another way (LongRoPE), and all "
            "that are packed with one as well",
            remedy=f"set `tune.max_tokens` to {limit} or less",
        )
