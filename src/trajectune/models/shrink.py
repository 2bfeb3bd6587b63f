"""A smaller model made of a larger one: the layers of most influence.

The idea: many layers of a deep model change little of what passes through them. One forward pass over some
text measures how much (ShortGPT's block influence, Men et al. 2024, arXiv 2403.03853); the model without
those that change least still speaks after a little more training. Where no small model of a family is at
hand, this gives one with the same vocabulary, as emulated fine-tuning needs.

Invariants: the first and the last layer stay; embeddings, head, norms and tokenizer are the large one's;
with all layers kept the model is the same. Healing is not done here (`trajectune.run.api.shrinking`).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch

from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel, load_model
from trajectune.storage import write_folder


def check_layers(count: int, keep: int) -> None:
    """Raise ModelError unless `keep` layers can be kept of `count`."""
    if not 2 <= keep <= count:
        raise ModelError(f"{keep} layers cannot be kept of {count}", remedy=f"keep from 2 to {count}")


def kept_layers(influences: Sequence[float], keep: int) -> list[int]:
    """Numbers of the `keep` layers that stay: the first, the last, and those of most influence."""
    check_layers(len(influences), keep)
    last = len(influences) - 1
    inner = sorted(range(1, last), key=lambda number: -influences[number])
    return sorted([0, *inner[: keep - 2], last])


@torch.inference_mode()
def layer_influences(model: LoadedModel, texts: Sequence[Sequence[int]]) -> list[float]:
    """1 − the cosine of what goes into each layer and what comes out, mean over all tokens of `texts`.

    Raises ModelError where there is no text.
    """
    if not any(texts):
        raise ModelError(
            "there is no text to measure the layers on",
            where=model.name,
            remedy="ask for more answers; those that are cut off at the limit are not used",
        )
    count = int(model.model.config.num_hidden_layers)
    sums, tokens = torch.zeros(count), 0
    for text in texts:
        ids = torch.tensor([list(text)], device=model.device)
        states: Any = model.model(ids, output_hidden_states=True, use_cache=False).hidden_states
        alike = [
            torch.cosine_similarity(old.float(), new.float(), dim=-1).sum() for old, new in pairwise(states)
        ]
        sums += len(text) - torch.stack(alike).cpu()
        tokens += len(text)
    return (sums / tokens).tolist()


def shrink(model: str, layers: int, folder: Path, texts: Sequence[Sequence[int]]) -> Path:
    """Write `model` with `layers` of its layers into `folder` (safetensors, tokenizer); gives `folder`.

    `texts` (token ids) are what the layers' influence is measured on; a dozen replies will do. Raises
    ModelError for models that cannot be loaded or whose layers are not a plain list.
    """
    loaded = load_model(model, dtype="float32", device="cpu")
    config = copy.deepcopy(loaded.model.config)
    kept = kept_layers(layer_influences(loaded, texts), layers)
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
