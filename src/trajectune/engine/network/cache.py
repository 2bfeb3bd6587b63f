"""Keys and values of past tokens, preallocated, one row of a fixed table per conversation.

The idea: a *slot* is a row of the table with room for `capacity` tokens. Which tokens a slot holds is
plain host data (`held`); the tensors are never moved, sliced or grown. Going back to an earlier point of
a conversation is therefore setting a length, and an instruction that several conversations share is
copied from slot to slot and computed once.

Invariant: for every slot, position i of the tensors belongs to token `held[slot][i]` read after
`held[slot][:i]`; what lies behind `len(held[slot])` is garbage that nobody reads.
"""

from __future__ import annotations

import torch

from trajectune.engine.network.shape import CacheShape
from trajectune.errors import AgentError
from trajectune.models.loading import LoadedModel


class KVCache:
    """One model's table; `keys[layer]` and `values[layer]` are `[slots, heads, capacity, head_dim]`.

    Raises ModelError for a model whose attention the engine cannot do (`CacheShape.of`).
    """

    def __init__(self, model: LoadedModel, slots: int, capacity: int) -> None:
        shape = CacheShape.of(model, capacity)
        size = (slots, shape.heads, capacity, shape.head_dim)
        self.capacity = capacity
        self.windows = shape.windows
        self.held: list[list[int]] = [[] for _ in range(slots)]
        self.stretched = [False] * slots
        """Which set of frequencies a slot's keys are turned by (`trajectune.engine.network.stretch`)."""
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
        self.stretched[target] = self.stretched[source]
