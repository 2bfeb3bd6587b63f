"""Low-rank adapters through PEFT: only they are trained, only they are saved.

The idea: `all-linear` is every matrix that the body multiplies tokens with, whatever a family calls it:
fused projections are one matrix, and the experts of a mixture are slices of one parameter, of which PEFT
adapts each by itself. The head, embeddings, norms and routers stay as they are, and so do frozen layers.
"""

from __future__ import annotations

import re
from typing import Any

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from trajectune.errors import ModelError, RecipeError
from trajectune.models.quiet import quiet
from trajectune.tune.settings import LoraSettings

ALL = "all-linear"


def add_adapters(model: PreTrainedModel, settings: LoraSettings, name: str) -> nn.Module:
    """`model` frozen, with fresh adapters that begin as zero; `name` is kept as their base model.

    Adapters take the model's number format: the optimizer's fp32 masters serve them as well. Raises
    ModelError where the settings name what is no matrix of the body that may be trained.
    """
    from peft import LoraConfig, get_peft_model  # slow to import, and only needed here

    layers, experts = _chosen(model, settings.modules)
    if experts and settings.dropout:
        raise RecipeError(
            "adapters of experts have no dropout, since the experts are slices of one parameter",
            remedy="set `lora.dropout` to 0, or name `lora.modules` without those of the experts",
        )
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # pyright: ignore[reportArgumentType]  # peft multiplies by it
        lora_dropout=settings.dropout,
        target_modules=layers,
        target_parameters=experts or None,
        task_type="CAUSAL_LM",
    )
    with quiet():
        adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    adapted.peft_config["default"].base_model_name_or_path = name
    return adapted


def adaptable(model: PreTrainedModel) -> tuple[list[str], list[str]]:
    """Full names of the linear layers, and of the experts' parameters, that may get an adapter."""
    head: Any = model.get_output_embeddings()
    layers = [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear | Conv1D) and module is not head and module.weight.requires_grad
    ]
    experts = [
        name for name, weight in model.named_parameters() if weight.ndim == 3 and weight.requires_grad
    ]
    return layers, experts


def _chosen(model: PreTrainedModel, modules: str | list[str]) -> tuple[list[str], list[str]]:
    """Those of `adaptable` that the setting names: all, by the end of their name, or by a pattern."""
    layers, experts = adaptable(model)
    if modules == ALL:
        return layers, experts
    patterns = [modules] if isinstance(modules, str) else [rf"(.*\.)?{re.escape(end)}" for end in modules]
    for pattern, wanted in zip(patterns, [modules] if isinstance(modules, str) else modules, strict=True):
        if not any(_matches(pattern, name) for name in (*layers, *experts)):
            known = sorted({name.rpartition(".")[2] for name in (*layers, *experts)})
            raise ModelError(
                f"no layer that can have an adapter is called {wanted!r}",
                where="lora.modules",
                remedy=f"use {ALL}, or of {', '.join(known)}",
            )
    one_of = "|".join(f"(?:{pattern})" for pattern in patterns)
    return [n for n in layers if _matches(one_of, n)], [n for n in experts if _matches(one_of, n)]


def _matches(pattern: str, name: str) -> bool:
    try:
        return re.fullmatch(pattern, name) is not None
    except re.error as error:
        raise RecipeError(
            f"{pattern!r} is no pattern: {error}",
            where="lora.modules",
            remedy=f"use {ALL}, or a list of names",
        ) from error
