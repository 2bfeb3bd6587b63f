"""Llama-shaped models as one flat function over prepared weights.

That is Llama and SmolLM, Mistral, Qwen2, Qwen3 (heads are normed), SmolLM3 (some layers do not rotate) and
Phi-3 (products that are joined already). The same arithmetic as the transformers modules in about a third
of the calls: query, key and value are one product, gate and up another; rotation comes from a table; logits
only where they are asked for. Prepared weights are shared by all networks that are given the same
`Prepared`, so adapters over one base (`trajectune.models.adapters`) cost no more than their low-rank parts.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import embedding, rms_norm, silu

from trajectune.engine.network.attention import attend
from trajectune.engine.network.batch import Batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.linear import Linear, low_rank, prepare_linear
from trajectune.engine.network.parts import head_norm, inputs_of, rotation_table
from trajectune.models.adapters import plain
from trajectune.models.loading import LoadedModel

Prepared = dict[tuple[int, ...], Linear]
"""Linear layers by the identity of their weights."""


@dataclass(frozen=True, slots=True)
class _Layer:
    attention_norm: torch.Tensor
    query_key_value: Linear
    head_norm: torch.Tensor | None
    """Weights `[heads + kv_heads, head_dim]` that queries and keys are normed with, head by head."""
    turns: bool
    """Whether queries and keys are rotated by their positions."""
    output: Linear
    mlp_norm: torch.Tensor
    gate_up: Linear
    down: Linear


class LlamaNetwork:
    """A network (`trajectune.engine.network.network.Network`) for models that `is_llama_shaped` accepts."""

    def __init__(self, loaded: LoadedModel, prepared: Prepared | None = None) -> None:
        prepared = {} if prepared is None else prepared
        model: Any = loaded.model
        attention = model.model.layers[0].self_attn
        self._head_dim = attention.head_dim
        self._heads = model.config.num_attention_heads
        self._kv_heads = model.config.num_key_value_heads
        self._scale = attention.scaling
        self._epsilon = model.config.rms_norm_eps
        self._embedding = model.model.embed_tokens.weight.detach()
        self._layers = [_prepare_layer(layer, prepared) for layer in model.model.layers]
        self._norm = model.model.norm.weight.detach()
        self._head = _joined(prepared, model.lm_head)
        self._model = model
        self._cos = self._sin = torch.empty(0)

    @torch.inference_mode()
    def __call__(
        self, tokens: torch.Tensor, batch: Batch, cache: KVCache, places: torch.Tensor
    ) -> torch.Tensor:
        if len(self._cos) < cache.capacity:  # as long as the cache, not as what a configuration may claim
            self._cos, self._sin = _signed(*rotation_table(self._model, cache.capacity))
        hidden = embedding(tokens, self._embedding)
        cos, sin = self._cos[batch.positions], self._sin[batch.positions]
        size, epsilon = (hidden.shape[-1],), self._epsilon
        for index, layer in enumerate(self._layers):
            normed = rms_norm(hidden, size, layer.attention_norm, epsilon)
            mixed = self._attend(layer, normed, cos, sin, batch, cache, index)
            hidden = hidden + layer.output(mixed)
            normed = rms_norm(hidden, size, layer.mlp_norm, epsilon)
            gate, up = layer.gate_up(normed).chunk(2, -1)
            hidden = hidden + layer.down(silu(gate).mul_(up))
        chosen = rms_norm(hidden[places], size, self._norm, epsilon)
        return self._head(chosen)

    def _attend(
        self,
        layer: _Layer,
        hidden: torch.Tensor,
        cos: torch.Tensor,
        sin: torch.Tensor,
        batch: Batch,
        cache: KVCache,
        index: int,
    ) -> torch.Tensor:
        heads = layer.query_key_value(hidden).view(len(hidden), -1, self._head_dim)
        asking, values = heads[:, : -self._kv_heads], heads[:, -self._kv_heads :]
        if layer.head_norm is not None:
            asking = rms_norm(asking, (self._head_dim,), None, self._epsilon) * layer.head_norm
        if layer.turns:
            # (x₁, x₂) ↦ (x₁ cos − x₂ sin, x₂ cos + x₁ sin); the sign is in the table
            asking = asking * cos + asking.roll(self._head_dim // 2, -1) * sin
        queries, keys = asking[:, : self._heads], asking[:, self._heads :]
        return attend(queries, keys, values, cache, index, batch, self._scale).flatten(1)


def _prepare_layer(layer: Any, prepared: Prepared) -> _Layer:
    attention, mlp = layer.self_attn, layer.mlp
    return _Layer(
        attention_norm=layer.input_layernorm.weight.detach(),
        query_key_value=_joined(prepared, *inputs_of(attention)),
        head_norm=head_norm(attention),
        turns=bool(getattr(attention, "use_rope", True)),
        output=_joined(prepared, attention.o_proj),
        mlp_norm=layer.post_attention_layernorm.weight.detach(),
        gate_up=_joined(prepared, *inputs_of(mlp)),
        down=_joined(prepared, mlp.down_proj),
    )


def _joined(prepared: Prepared, *modules: Any) -> Linear:
    """Several linear layers of the same input as one, with what their adapters add."""
    layers: list[Any] = [plain(module) for module in modules]
    key = tuple(id(layer.weight) for layer in layers)
    if key not in prepared:
        biases = [layer.bias.detach() for layer in layers if layer.bias is not None]
        prepared[key] = prepare_linear(_stacked(layers), torch.cat(biases) if biases else None)
    product = prepared[key]
    added = [low_rank(module) for module in modules]
    if not any(added):
        return product
    sizes = [layer.out_features for layer in layers]

    def with_adapters(rows: torch.Tensor) -> torch.Tensor:
        result = product(rows)
        for part, more in zip(result.split(sizes, -1), added, strict=True):
            if more is not None:
                part += more(rows)
        return result

    return with_adapters


def _stacked(layers: list[Any]) -> torch.Tensor:
    """The layers' weights one below the other, `[out of all, in]`.

    On a GPU, where this is what is multiplied with, the layers' parameters become parts of it: memory
    for all weights twice is what a large model does not leave there.
    """
    weights = [layer.weight.detach() for layer in layers]
    if (found := _already_stacked(weights)) is not None:
        return found
    stacked = torch.cat(weights)
    if stacked.is_cuda:
        parts = stacked.split([len(weight) for weight in weights])
        for layer, part in zip(layers, parts, strict=True):
            layer.weight.data = part
    return stacked


def _already_stacked(weights: list[torch.Tensor]) -> torch.Tensor | None:
    """The whole of which `weights` are the parts in order, as an earlier network has left them."""
    first, end = weights[0], weights[0].data_ptr()
    for weight in weights:
        together = weight.untyped_storage().data_ptr() == first.untyped_storage().data_ptr()
        if weight.data_ptr() != end or not together or not weight.is_contiguous():
            return None
        end += weight.nbytes
    return first.as_strided((sum(map(len, weights)), first.shape[1]), first.stride())


def _signed(cos: torch.Tensor, sin: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and signed sines, each `[positions, 1, head_dim]`."""
    return torch.cat([cos, cos], -1)[:, None], torch.cat([-sin, sin], -1)[:, None]
