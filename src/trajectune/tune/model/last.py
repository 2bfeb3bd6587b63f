"""The last layer of a body, computed to its end only where a token is to be predicted.

The idea: behind the last layer's attention no token looks at another one, so its output product, its MLP
and the final norm are of use only at the N places that predict a target. Keys and values are those of all.

Invariants: a state is what the plain layer gives at its place; without a layout (a model that reads a row
by itself) the layer is plain, and so is one of a type that is not known here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from torch import Tensor, nn

from trajectune.tune.model.head import layers_of
from trajectune.tune.model.layout import Layout

_LAYERS = {f"{family}DecoderLayer" for family in ("Llama", "Mistral", "Qwen2", "Qwen3", "SmolLM3")}
"""Types of layers that are attention and MLP, each behind a norm and added to what came in."""


def end_at_targets(body: nn.Module) -> bool:
    """Let a body end in states [1, N, E] where its `layout` is `short`; False for one that cannot.

    Doing so twice changes nothing.
    """
    layers = layers_of(body)
    if not len(layers) or type(layers[-1]).__name__ not in _LAYERS:
        return False
    layer: Any = layers[-1]
    if not isinstance(layer.forward, partial):
        layer.forward = partial(_forward, layer, layer.forward)
    return True


def _forward(layer: Any, plain: Callable[..., Tensor], hidden_states: Tensor, **given: Any) -> Tensor:
    """The layer's forward pass, at its layout's predecessors where that is `short`."""
    layout: Layout | None = given.get("layout")
    if layout is None or not layout.short:
        return plain(hidden_states, **given)
    places = layout.predecessors
    choose = layer.self_attn.o_proj.register_forward_pre_hook(lambda _, inputs: (inputs[0][:, places],))
    try:
        mixed = layer.self_attn(hidden_states=layer.input_layernorm(hidden_states), **given)[0]
    finally:
        choose.remove()
    hidden = hidden_states[:, places] + mixed
    return hidden + layer.mlp(layer.post_attention_layernorm(hidden))
