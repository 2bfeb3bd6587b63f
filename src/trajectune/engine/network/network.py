"""A model as the engine sees it: packed tokens in, logits at chosen places out.

The idea: any transformers model that takes its attention from the library's registry is run through its own
module code, with our attention in its place (`ModuleNetwork`). Llama-shaped models, whose layers are known
exactly, also have a flat forward over prepared weights (`trajectune.engine.network.llama`), because at
small batches the module code costs as much as the arithmetic, and on a CPU one in C
(`trajectune.engine.network.native`). Tests hold them equal.
"""

from __future__ import annotations

import inspect
import logging
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import Any, Protocol

import torch
from transformers import AttentionInterface

from trajectune.engine.network.attention import attend
from trajectune.engine.network.batch import Batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.llama import LlamaNetwork, Prepared
from trajectune.engine.network.native.network import NativeNetwork, runs_natively
from trajectune.engine.network.parts import is_llama_shaped
from trajectune.engine.network.shape import attention, configurations
from trajectune.engine.network.stretch import stretch_limit, stretched, stretching
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel

_log = logging.getLogger(__name__)
_NAME = "trajectune_cache"


class Network(Protocol):
    """One forward pass; writes the new keys and values into `cache`."""

    def __call__(
        self, tokens: torch.Tensor, batch: Batch, cache: KVCache, places: torch.Tensor
    ) -> torch.Tensor:
        """Logits `[places, vocabulary]` at the `places` of packed `tokens` `[N]`."""
        ...


def make_network(loaded: LoadedModel, prepared: Prepared | None = None) -> Network:
    """The fastest network that computes this model. Weights are read once: make a new one after tuning.

    Networks that get the same `prepared` share what they prepare of equal weights.
    """
    shaped = is_llama_shaped(loaded.model)
    if shaped and runs_natively(loaded):
        return NativeNetwork(loaded)
    if loaded.precision == "int8":
        _log.warning("%s is decoded slowly in int8 here: no native code computes it", loaded.name)
    elif shaped:
        return LlamaNetwork(loaded, prepared)
    return ModuleNetwork(loaded)


class ModuleNetwork:
    """A transformers model run through its own modules.

    Raises ModelError for models that do not use the library's attention registry, or cannot be told the
    positions of their tokens and the places of the logits.
    """

    def __init__(self, loaded: LoadedModel) -> None:
        self.model = loaded.model
        accepted = inspect.signature(self.model.forward).parameters
        backend = getattr(self.model, "_supports_attention_backend", False)
        if not backend or not {"position_ids", "logits_to_keep"} <= set(accepted):
            raise ModelError(
                f"models of type {self.model.config.model_type!r} cannot be decoded by this engine",
                where=loaded.name,
                remedy="serve the model elsewhere and use it as an endpoint",
            )
        self._configurations = configurations(self.model)
        self._stretching = stretching(self.model)
        self._limit = stretch_limit(loaded)

    @torch.inference_mode()
    def __call__(
        self, tokens: torch.Tensor, batch: Batch, cache: KVCache, places: torch.Tensor
    ) -> torch.Tensor:
        token = _current.set((batch, cache))
        try:
            with attention(self._configurations, _NAME), self._stretched(batch):
                output = self.model(
                    input_ids=tokens[None],
                    position_ids=batch.positions[None],
                    use_cache=False,
                    logits_to_keep=places,
                )
        finally:
            _current.reset(token)
        return output.logits[0]

    def _stretched(self, batch: Batch) -> AbstractContextManager[None]:
        if self._limit is None or not batch.stretched:
            return nullcontext()
        return stretched(self._stretching, self._limit)


_current: ContextVar[tuple[Batch, KVCache]] = ContextVar("batch and cache of the forward pass")


def _attention(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    *,
    scaling: float | None = None,
    softcap: float | None = None,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """The library's calling convention: `[1, heads, N, head_dim]` in, `[1, N, heads, head_dim]` out."""
    del attention_mask  # the batch says who sees whom
    batch, cache = _current.get()
    queries, keys, values = (part[0].transpose(0, 1) for part in (query, key, value))
    output = attend(queries, keys, values, cache, module.layer_idx, batch, scaling, softcap)
    return output[None].contiguous(), None  # as the library's own attentions leave it


AttentionInterface.register(_NAME, _attention)  # pyright: ignore[reportArgumentType]
