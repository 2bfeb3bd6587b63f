"""A smaller model made of a larger one: the layers of most influence.

The idea: many layers of a deep model change little of what passes through them. One forward pass over some
text measures how much (ShortGPT's block influence, Men et al. 2024, arXiv 2403.03853); the model without
those that change least still speaks after a little more training. Where no small model of a family is at
hand, this gives one with the same vocabulary, as emulated fine-tuning needs.

What differs from layer to layer (windows, positions, experts) stands in lists of the configuration, which
are cut as the layers are. A family that tells its layers apart in another way would get other layers than
it had: so whether the cut configuration describes the kept layers is looked at beforehand by their shapes,
and proven at the end by what they compute.

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
from transformers import AutoModelForCausalLM, PreTrainedConfig

from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel, load_model
from trajectune.storage import write_folder

_NUMBERS = {"mlp_only_layers"}
"""Lists in configurations that hold numbers of layers; other lists about layers have an entry for each."""


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
    count = int(model.model.config.get_text_config().num_hidden_layers)
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


def check_shrinkable(config: PreTrainedConfig, name: str) -> None:
    """Raise ModelError, naming the model, where layers cannot be taken out of such a model. No weights."""
    with torch.device("meta"):
        large = AutoModelForCausalLM.from_config(copy.deepcopy(config))
        layers = _layers(large, name)[1]
        inner = range(1, len(layers) - 1)
        for gone in (set(inner[:1]), set(inner[::2])):
            kept = [number for number in range(len(layers)) if number not in gone]
            small = AutoModelForCausalLM.from_config(cut_config(config, kept))
            if [_shapes(layers[number]) for number in kept] != list(map(_shapes, _layers(small, name)[1])):
                raise _refusal(large, name)


def cut_config(config: PreTrainedConfig, kept: Sequence[int]) -> PreTrainedConfig:
    """The configuration of a model with these layers only: lists about layers are cut as they are."""
    cut = copy.deepcopy(config)
    text: Any = cut.get_text_config()
    count = text.num_hidden_layers
    for key, value in text.to_dict().items():
        if key in _NUMBERS and value:
            setattr(text, key, [kept.index(number) for number in value if number in kept])
        elif "layer" in key and isinstance(value, list) and len(value) == count:
            setattr(text, key, [value[number] for number in kept])
    text.num_hidden_layers = len(kept)
    return cut


def shrink(model: str, layers: int, folder: Path, texts: Sequence[Sequence[int]]) -> Path:
    """Write `model` with `layers` of its layers into `folder` (safetensors, tokenizer); gives `folder`.

    `texts` (token ids) are what the layers' influence is measured on; a dozen replies will do. Raises
    ModelError for models that cannot be loaded or that layers cannot be taken out of.
    """
    loaded = load_model(model, dtype="float32", device="cpu")
    large: Any = loaded.model
    check_shrinkable(large.config, model)
    kept = kept_layers(layer_influences(loaded, texts), layers)
    smaller: Any = type(large)(cut_config(large.config, kept))
    smaller.load_state_dict(_renumbered(large.state_dict(), _layers(large, model)[0], kept))
    smaller.generation_config = large.generation_config
    _prove(large, smaller.eval(), kept, texts, model)

    def write(into: Path) -> None:
        smaller.save_pretrained(into)
        loaded.tokenizer.save_pretrained(into)

    write_folder(folder, write)
    return folder


def _layers(model: Any, name: str) -> tuple[str, torch.nn.ModuleList]:
    """The list of a model's layers with its name. Raises ModelError where there is none."""
    count = model.config.get_text_config().num_hidden_layers
    body = {id(module) for module in model.get_decoder().modules()}
    for key, part in model.named_modules():
        if id(part) in body and isinstance(part, torch.nn.ModuleList) and len(part) == count:
            return key, part
    raise _refusal(model, name)


def _shapes(layer: torch.nn.Module) -> dict[str, torch.Size]:
    return {key: parameter.shape for key, parameter in layer.named_parameters()}


def _renumbered(
    weights: dict[str, torch.Tensor], layers: str, kept: Sequence[int]
) -> dict[str, torch.Tensor]:
    """The weights of the kept layers under their new numbers, and everything that is in no layer."""
    found = {}
    for name, weight in weights.items():
        number, _, rest = name.removeprefix(f"{layers}.").partition(".")
        if not name.startswith(f"{layers}."):
            found[name] = weight
        elif int(number) in kept:
            found[f"{layers}.{kept.index(int(number))}.{rest}"] = weight
    return found


@torch.inference_mode()
def _prove(large: Any, small: Any, kept: Sequence[int], texts: Sequence[Sequence[int]], name: str) -> None:
    """Raise ModelError unless the small model computes what the large one does when others hand on only."""
    ids = torch.tensor([list(max(texts, key=len))])
    layers = _layers(large, name)[1]
    hooks = [
        layer.register_forward_hook(_hand_on) for number, layer in enumerate(layers) if number not in kept
    ]
    try:
        wanted = large(ids, use_cache=False).logits
    finally:
        for hook in hooks:
            hook.remove()
    found = small(ids, use_cache=False).logits
    if not torch.allclose(found, wanted, rtol=1e-3, atol=1e-4 * float(wanted.abs().max())):
        raise _refusal(large, name)


def _hand_on(layer: torch.nn.Module, inputs: tuple[Any, ...], output: Any) -> Any:
    """A hook that makes a layer give back what it got."""
    del layer
    return (inputs[0], *output[1:]) if isinstance(output, tuple) else inputs[0]


def _refusal(model: Any, name: str) -> ModelError:
    return ModelError(
        f"layers cannot be taken out of {type(model).__name__}: its layers are told apart by their number",
        where=name,
        remedy="take a small model of the same family, or shrink one with layers in a plain list",
    )
