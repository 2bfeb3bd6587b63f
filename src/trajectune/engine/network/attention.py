"""Attention of packed tokens to the cache.

New keys and values are written at their slots and positions, then each group of the batch attends in one
call of PyTorch's scaled-dot-product attention. Under grouped-query attention the queries that share a
key/value head are laid out as rows of that head, so that the cache is read once and never expanded.
"""

from __future__ import annotations

import torch
from torch.nn.functional import scaled_dot_product_attention

from trajectune.engine.network.batch import Batch, Group
from trajectune.engine.network.cache import KVCache


def attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    cache: KVCache,
    layer: int,
    batch: Batch,
    scale: float | None,
) -> torch.Tensor:
    """Attention output `[N, heads, head_dim]` of queries of that shape.

    `keys` and `values` `[N, kv_heads, head_dim]` are the new ones, written to the cache first. `scale` None
    means 1/√head_dim.
    """
    all_keys, all_values = cache.keys[layer], cache.values[layer]
    all_keys[batch.slots, :, batch.positions] = keys
    all_values[batch.slots, :, batch.positions] = values
    outputs = []
    for group in batch.groups:
        slots = slice(group.slot, group.slot + group.slots)
        seen_keys, seen_values = all_keys[slots, :, : group.length], all_values[slots, :, : group.length]
        rows = queries[group.start : group.stop]
        if group.causal:
            outputs.append(_triangle(rows, seen_keys, seen_values, scale))
        else:
            outputs.append(_masked(rows, seen_keys, seen_values, group, scale))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def _triangle(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, scale: float | None
) -> torch.Tensor:
    output = scaled_dot_product_attention(
        queries.transpose(0, 1)[None], keys, values, is_causal=True, scale=scale, enable_gqa=True
    )
    return output[0].transpose(0, 1)


def _masked(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, group: Group, scale: float | None
) -> torch.Tensor:
    _, heads, head_dim = queries.shape
    kv_heads, count = keys.shape[1], group.count
    groups = heads // kv_heads
    grouped = queries.reshape(group.slots, count, kv_heads, groups, head_dim).permute(0, 2, 3, 1, 4)
    mask = group.mask
    if mask is not None and count > 1:
        mask = mask.repeat(1, 1, groups, 1)
    output = scaled_dot_product_attention(
        grouped.reshape(group.slots, kv_heads, groups * count, head_dim),
        keys,
        values,
        attn_mask=mask,
        scale=scale,
    )
    output = output.view(group.slots, kv_heads, groups, count, head_dim).permute(0, 3, 1, 2, 4)
    return output.reshape(-1, heads, head_dim)
