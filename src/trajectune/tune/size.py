"""The numbers of a decoder that decide what tuning it takes, read from its configuration. Loads no weights.

The idea: transformers builds the model without storage, so whatever a family is made of is counted, not
assumed: fused projections, experts of which a token meets a few, layers with windows. Of a model that is
not here the number in its name must do, in Llama's proportions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, ConfigDict

from trajectune.errors import ModelError
from trajectune.models.embedded import EMBEDDED
from trajectune.models.loading import resolve_model
from trajectune.models.tiny import TINY
from trajectune.storage import read_json
from trajectune.tune.model.layout import windows_of
from trajectune.tune.model.lora import adaptable


class ModelSize(BaseModel):
    """The numbers of a decoder that decide what tuning it takes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    parameters: int
    """All of them, a tied head counted once."""
    body: int
    """Parameters that a token is multiplied with: without embedding, head, and experts it does not meet."""
    layers: int
    hidden: int
    intermediate: int
    """Numbers in the middle of a layer's MLP, those of all experts that a token meets together."""
    vocabulary: int
    heads: int
    """Query heads of a layer."""
    queries: int
    """Numbers in all query heads of a layer together."""
    adapted: int
    """Σ (inputs + outputs) over the matrices that can have adapters: as many as those of rank 1 have."""
    windows: tuple[int | None, ...]
    """The sliding window of each layer, `None` where it sees everything."""


def model_size(name: str) -> ModelSize:
    """The size of a model from its configuration; of one that is not here, from the number in its name.

    `…-7b-…` means 7·10⁹ parameters in Llama's proportions. Raises `ModelError` when there is no number.
    """
    if name in (EMBEDDED, TINY) or Path(name).expanduser().is_dir():
        return size_of_config(read_json(Path(resolve_model(name)) / "config.json"))
    number = re.search(r"(\d+(?:\.\d+)?)\s*([bm])(?![a-z])", name.lower())
    if number is None:
        raise ModelError(
            "the model's size is not known",
            where=name,
            remedy="give a folder with a config.json, or a name that says the size, such as llama-2-7b",
        )
    return _llama_like(float(number[1]) * (1e9 if number[2] == "b" else 1e6))


def size_of_config(config: Mapping[str, Any]) -> ModelSize:
    """The size of the model that a `config.json` describes, counted on weights without storage."""
    from transformers import AutoConfig, AutoModelForCausalLM

    whole = AutoConfig.for_model(**config)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(whole)
    known: Any = whole.get_text_config()
    tables = {id(table.weight) for table in (model.get_input_embeddings(), model.get_output_embeddings())}
    met = getattr(known, "num_experts_per_tok", None)
    weights = [parameter for parameter in model.parameters() if id(parameter) not in tables]
    layers, experts = adaptable(model)
    matrices = [model.get_submodule(name).weight for name in layers]
    stacks = [model.get_parameter(name) for name in experts]
    return ModelSize(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        body=sum(_met(weight, met) for weight in weights),
        layers=known.num_hidden_layers,
        hidden=known.hidden_size,
        intermediate=_intermediate(known, met),
        vocabulary=known.vocab_size,
        heads=known.num_attention_heads,
        queries=known.num_attention_heads * _head_width(known),
        adapted=sum(sum(matrix.shape) for matrix in matrices)
        + sum(len(stack) * sum(stack.shape[1:]) for stack in stacks),
        windows=tuple(windows_of(known)),
    )


def _met(weight: torch.Tensor, met: int | None) -> int:
    """Numbers of a weight that a token is multiplied with: of experts those of `met`."""
    return weight.numel() if weight.ndim != 3 or met is None else weight[0].numel() * met


def _intermediate(config: Any, met: int | None) -> int:
    width = getattr(config, "moe_intermediate_size", None)
    if met is None or (width is None and not getattr(config, "num_local_experts", None)):
        return getattr(config, "intermediate_size", None) or 4 * config.hidden_size
    shared = getattr(config, "shared_expert_intermediate_size", None) or 0
    return met * (width or config.intermediate_size) + shared


def _head_width(config: Any) -> int:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def _llama_like(parameters: float) -> ModelSize:
    hidden = round((parameters * 128 / 12) ** (1 / 3))  # N = 12·layers·hidden², layers = hidden / 128
    layers, intermediate = round(hidden / 128), round(hidden * 8 / 3)
    return ModelSize(
        parameters=round(parameters),
        body=round(parameters - 2 * 32_000 * hidden),
        layers=layers,
        hidden=hidden,
        intermediate=intermediate,
        vocabulary=32_000,
        heads=layers,
        queries=hidden,
        adapted=layers * (11 * hidden + 3 * intermediate),
        windows=(None,) * layers,
    )
