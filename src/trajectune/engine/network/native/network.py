"""The native network: a Llama-shaped model's forward pass in one call of the C library.

The idea: the library reads bf16 weights where PyTorch has them (nothing is copied or laid out anew), int8
ones where `trajectune.models.int8` has put them, and the engine's own cache. Residuals, norms and softmax
are in fp32; what products read is rounded to bf16, or to int8 where the weights are.

Invariant: on one level of the library, a token's logits are the same bits whatever else is in the batch,
however a prompt was cut, and on any number of threads.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from trajectune.engine.network.batch import Batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.native.library import native_library
from trajectune.engine.network.native.records import (
    BatchRecord,
    CacheRecord,
    LayerRecord,
    LinearRecord,
    LowRankRecord,
    ModelRecord,
    ProductRecord,
)
from trajectune.engine.network.parts import head_norm, inputs_of, layers_of, rotation_table
from trajectune.errors import AgentError
from trajectune.models.adapters import low_rank_factors, plain
from trajectune.models.int8 import Int8Linear
from trajectune.models.loading import LoadedModel

_FAULTS = {
    1: "a token that the model does not have",
    2: "a position behind the end of the cache",
    3: "a slot that the cache does not have",
    4: "logits of a token that is not in the batch",
}
_ALIGNED = 64
"""Bytes: what a processor reads at once."""


def runs_natively(loaded: LoadedModel) -> bool:
    """Whether a Llama-shaped model can be a `NativeNetwork` here. fp32 stays with PyTorch."""
    if loaded.device.type != "cpu" or loaded.dtype != torch.bfloat16:
        return False
    return native_library() is not None


class NativeNetwork:
    """A network for a CPU model in bf16 or int8 that `is_llama_shaped` accepts."""

    def __init__(self, loaded: LoadedModel) -> None:
        library = native_library()
        if library is None:
            raise AgentError("the native network is not available here")
        self._library = library
        self._model: Any = loaded.model
        self._kept: list[Any] = []  # what the records point into
        self._record = self._describe()
        self._cos = self._sin = torch.empty(0)
        self._bound: tuple[KVCache, CacheRecord] | None = None
        self._room = torch.empty(0, dtype=torch.uint8)

    def __call__(self, tokens: Tensor, batch: Batch, cache: KVCache, places: Tensor) -> Tensor:
        count, wanted = len(tokens), len(places)
        logits = torch.empty(wanted, self._record.vocabulary)
        threads = torch.get_num_threads()
        size = self._library.trajectune_room(
            ctypes.byref(self._record), max(count, wanted), cache.capacity, threads
        )
        if len(self._room) < size:
            self._room = torch.zeros(size, dtype=torch.uint8)
        packed = [part.contiguous() for part in (tokens, batch.positions, batch.slots, places)]
        fault = self._library.trajectune_forward(
            ctypes.byref(self._record),
            ctypes.byref(self._describe_cache(cache)),
            ctypes.byref(BatchRecord(count, wanted, *(part.data_ptr() for part in packed))),
            threads,
            ctypes.c_void_p(self._room.data_ptr()),
            ctypes.c_void_p(logits.data_ptr()),
        )
        if fault:
            raise AgentError(f"the native network was given {_FAULTS[fault]}")
        return logits

    def _describe_cache(self, cache: KVCache) -> CacheRecord:
        if self._bound is not None and self._bound[0] is cache:
            return self._bound[1]
        if len(self._cos) < cache.capacity:
            self._cos, self._sin = rotation_table(self._model, cache.capacity, torch.float32)
        pointers = ctypes.c_void_p * len(cache.keys)
        keys = pointers(*(table.data_ptr() for table in cache.keys))
        values = pointers(*(table.data_ptr() for table in cache.values))
        windows = (ctypes.c_int32 * len(cache.keys))(*(window or 0 for window in cache.windows))
        cos, sin = self._cos.data_ptr(), self._sin.data_ptr()
        record = CacheRecord(len(cache.held), cache.capacity, keys, values, cos, sin, windows)
        self._bound = cache, record
        return record

    def _describe(self) -> ModelRecord:
        model = self._model
        attention = model.model.layers[0].self_attn
        layers = [self._layer(layer) for layer in layers_of(model)]
        embedding = model.model.embed_tokens
        return ModelRecord(
            layers=len(layers),
            hidden=model.config.hidden_size,
            heads=model.config.num_attention_heads,
            kv_heads=model.config.num_key_value_heads,
            head_dim=attention.head_dim,
            inner=model.config.intermediate_size,
            vocabulary=len(embedding.weight),
            epsilon=model.config.rms_norm_eps,
            scale=attention.scaling,
            embedding=self._weight(embedding),
            norm=self._numbers(model.model.norm.weight),
            layer=self._array(LayerRecord, layers),
            head=self._product(model.lm_head),
        )

    def _layer(self, layer: Any) -> LayerRecord:
        attention, mlp = layer.self_attn, layer.mlp
        return LayerRecord(
            attention_norm=self._numbers(layer.input_layernorm.weight),
            mlp_norm=self._numbers(layer.post_attention_layernorm.weight),
            head_norm=self._numbers(head_norm(attention)),
            query_key_value=self._product(*inputs_of(attention)),
            output=self._product(attention.o_proj),
            gate_up=self._product(*inputs_of(mlp)),
            down=self._product(mlp.down_proj),
            turns=bool(getattr(attention, "use_rope", True)),
        )

    def _product(self, *modules: Any) -> ProductRecord:
        linears, low_ranks, offset = [], [], 0
        for module in modules:
            layer: Any = plain(module)
            linears.append(self._linear(layer, offset))
            if (factors := low_rank_factors(module)) is not None:
                low_ranks.append(self._low_rank(*factors, offset))
            offset += layer.out_features
        return ProductRecord(
            linears and plain(modules[0]).in_features,
            offset,
            len(linears),
            len(low_ranks),
            self._array(LinearRecord, linears),
            self._array(LowRankRecord, low_ranks),
        )

    def _linear(self, layer: Any, offset: int) -> LinearRecord:
        size = layer.out_features, layer.in_features
        bias = self._numbers(layer.bias)
        if isinstance(layer, Int8Linear):
            self._kept += [layer.panels, layer.scales]
            return LinearRecord(*size, offset, 1, layer.panels.data_ptr(), layer.scales.data_ptr(), bias)
        return LinearRecord(*size, offset, 0, self._weight(layer), None, bias)

    def _low_rank(self, down: Tensor, up: Tensor, offset: int) -> LowRankRecord:
        down, up = down.contiguous(), up.contiguous()
        self._kept += [down, up]
        return LowRankRecord(
            LinearRecord(*down.shape, 0, 0, down.data_ptr(), None, None),
            LinearRecord(*up.shape, offset, 0, up.data_ptr(), None, None),
        )

    def _weight(self, module: Any) -> int:
        """Address of a bf16 weight, which is moved once if its rows do not lie as processors read them."""
        weight = module.weight
        if weight.data_ptr() % _ALIGNED or not weight.is_contiguous():
            weight.data = aligned(weight.data)
        self._kept.append(weight.data)
        return weight.data_ptr()

    def _numbers(self, tensor: Tensor | None) -> int | None:
        """Address of a small tensor's numbers in fp32."""
        if tensor is None:
            return None
        numbers = tensor.detach().float().contiguous()
        self._kept.append(numbers)
        return numbers.data_ptr()

    def _array(self, kind: Any, records: Sequence[Any]) -> Any:
        array = (kind * len(records))(*records)
        self._kept.append(array)
        return array


def aligned(weight: Tensor) -> Tensor:
    """A copy whose first number lies at a multiple of `_ALIGNED` bytes."""
    spare = _ALIGNED // weight.element_size()
    room = weight.new_empty(weight.numel() + spare)
    start = -room.data_ptr() // weight.element_size() % spare
    return room[start : start + weight.numel()].view(weight.shape).copy_(weight)
