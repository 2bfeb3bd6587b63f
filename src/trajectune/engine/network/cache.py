"""Keys and values of past tokens, preallocated, one row of a fixed table per conversation.

The idea: a *slot* is a row of the table with room for `capacity` tokens. Which tokens a slot holds is
plain host data (`held`); the tensors are never moved, sliced or grown. Going back to an earlier point of
a conversation is therefore setting a length, and an instruction that several conversations share is
copied from slot to slot and computed once.

Invariant: for every slot, position i of the tensors belongs to token `held[slot][i]` read after
`held[slot][:i]`; what lies behind `len(held[slot])` is garbage that nobody reads.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from trajectune.errors import AgentError
from trajectune.models.loading import LoadedModel


@dataclass(frozen=True, slots=True)
class CacheShape:
    """How many numbers a model keeps for one token."""

    layers: int
    heads: int
    """Key/value heads: fewer than query heads under grouped-query attention."""
    head_dim: int

    @classmethod
    def of(cls, model: LoadedModel) -> CacheShape:
        config = model.model.config.get_text_config()
        query_heads = config.num_attention_heads
        heads = getattr(config, "num_key_value_heads", None) or query_heads
        head_dim = getattr(config, "head_dim", None) or config.hidden_size // query_heads
        return cls(config.num_hidden_layers, heads, head_dim)


class KVCache:
    """One model's table; `keys[layer]` and `values[layer]` are `[slots, heads, capacity, head_dim]`."""

    def __init__(self, model: LoadedModel, slots: int, capacity: int) -> None:
        shape = CacheShape.of(model)
        size = (slots, shape.heads, capacity, shape.head_dim)
        self.capacity = capacity
        self.held: list[list[int]] = [[] for _ in range(slots)]
        try:
            # Zeros, since masked positions still meet a weight of zero, and zero times NaN is NaN.
            self.keys, self.values = (
                [torch.zeros(size, dtype=model.dtype, device=model.device) for _ in range(shape.layers)]
                for _ in range(2)
            )
        except (torch.OutOfMemoryError, RuntimeError) as error:
            gigabytes = 2 * shape.layers * torch.Size(size).numel() * model.dtype.itemsize / 1e9
            raise AgentError(
                f"no memory for a cache of {slots} conversations of {capacity} tokens ({gigabytes:.1f} GB)",
                where=model.name,
                remedy="lower the batch size or the context length, or use bfloat16",
            ) from error

    def keep(self, slot: int, length: int) -> None:
        """Goes back to the first `length` tokens of a slot."""
        del self.held[slot][length:]

    def copy(self, source: int, target: int, length: int) -> None:
        """Makes `target` hold the first `length` tokens of `source`, and nothing else."""
        for table in (*self.keys, *self.values):
            table[target, :, :length] = table[source, :, :length]
        self.held[target] = self.held[source][:length]
