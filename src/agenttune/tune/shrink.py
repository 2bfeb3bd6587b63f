"""A smaller model made of a larger one: some of its layers, spread evenly over its depth.

The idea: neighbouring layers of a deep model do similar work (Men et al. 2024, arXiv 2403.03853), so a
model with every second layer taken out still speaks after a little more training. Where no small model of
a family is at hand, this gives one with the same vocabulary, as emulated fine-tuning needs.

Invariants: the first and the last layer stay; embeddings, head, norms and tokenizer are the large one's;
with all layers kept the model is the same. Healing is not done here (`agenttune.pipeline.shrinking`).
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import torch

from agenttune.decode.loading import load_model
from agenttune.errors import ModelError
from agenttune.tune.checkpoint import write_folder


def kept_layers(count: int, keep: int) -> list[int]:
    """Numbers of the layers that stay: `keep` of `count`, evenly spread. Raises ModelError."""
    if not 2 <= keep <= count:
        raise ModelError(f"{keep} layers cannot be kept of {count}", remedy=f"keep from 2 to {count}")
    return [round(place * (count - 1) / (keep - 1)) for place in range(keep)]


def shrink(model: str, layers: int, folder: Path) -> Path:
    """Write `model` with `layers` of its layers into `folder` (safetensors, tokenizer); gives `folder`.

    Raises ModelError for models that cannot be loaded or whose layers are not a plain list.
    """
    loaded = load_model(model, dtype="float32", device="cpu")
    config = copy.deepcopy(loaded.model.config)
    kept = kept_layers(int(config.num_hidden_layers), layers)
    config.num_hidden_layers = layers
    if getattr(config, "layer_types", None):
        config.layer_types = [config.layer_types[number] for number in kept]
    smaller: Any = type(loaded.model)(config)
    smaller.load_state_dict(_renumbered(loaded.model.state_dict(), kept))
    smaller.generation_config = loaded.model.generation_config

    def write(into: Path) -> None:
        smaller.save_pretrained(into)
        loaded.tokenizer.save_pretrained(into)

    write_folder(folder, write)
    return folder


def _renumbered(weights: dict[str, torch.Tensor], kept: list[int]) -> dict[str, torch.Tensor]:
    """The weights of the kept layers under their new numbers, and everything that is in no layer."""
    found = {}
    for name, weight in weights.items():
        head, mark, tail = name.partition(".layers.")
        if not mark:
            found[name] = weight
            continue
        number, _, rest = tail.partition(".")
        if int(number) in kept:
            found[f"{head}.layers.{kept.index(int(number))}.{rest}"] = weight
    if len(found) == len(weights) and len(kept) < max(kept) + 1:
        raise ModelError("the model's layers are not a plain list called `layers`")
    return found
