"""Low-rank adapters through PEFT: only they are trained, only they are saved."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedModel

from trajectune.tune.settings import LoraSettings


def add_adapters(model: PreTrainedModel, settings: LoraSettings, name: str) -> nn.Module:
    """`model` frozen, with fresh adapters that begin as zero; `name` is kept as their base model.

    Adapters take the model's number format: the optimizer's fp32 masters serve them as well.
    """
    from peft import LoraConfig, get_peft_model  # slow to import, and only needed here

    config = LoraConfig(
        r=settings.rank,
        lora_alpha=settings.alpha,  # pyright: ignore[reportArgumentType]  # peft multiplies by it
        lora_dropout=settings.dropout,
        target_modules=settings.modules,
        task_type="CAUSAL_LM",
    )
    adapted = get_peft_model(model, config, autocast_adapter_dtype=False)
    adapted.peft_config["default"].base_model_name_or_path = name
    return adapted
