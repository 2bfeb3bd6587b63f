"""Attention of packed tokens to the cache.

New keys and values are written at their slots and positions, then each block of the plan attends in one
call of PyTorch's scaled-dot-product attention. Under grouped-query attention the queries that share a
key/value head are laid out as rows of that head, so that the cache is read once and never expanded.
"""

from __future__ import annotations

import torch
from torch.nn.functional import scaled_dot_product_attention

from agenttune.decode.cache import KVCache
from agenttune.decode.plan import Block, Plan


def attend(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    cache: KVCache,
    layer: int,
    plan: Plan,
    scale: float | None,
) -> torch.Tensor:
    """Attention output `[N, heads, head_dim]` of queries of that shape.

    `keys` and `values` `[N, kv_heads, head_dim]` are the new ones, written to the cache first. `scale` None
    means 1/√head_dim.
    """
    all_keys, all_values = cache.keys[layer], cache.values[layer]
    all_keys[plan.slots, :, plan.positions] = keys
    all_values[plan.slots, :, plan.positions] = values
    outputs = []
    for block in plan.blocks:
        slots = slice(block.slot, block.slot + block.slots)
        seen_keys, seen_values = all_keys[slots, :, : block.length], all_values[slots, :, : block.length]
        rows = queries[block.start : block.stop]
        one_each = block.slots == len(rows)
        attention = _single_tokens if one_each else _segment
        outputs.append(attention(rows, seen_keys, seen_values, block, scale))
    return outputs[0] if len(outputs) == 1 else torch.cat(outputs)


def _single_tokens(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, block: Block, scale: float | None
) -> torch.Tensor:
    rows, heads, head_dim = queries.shape
    grouped = queries.reshape(rows, keys.shape[1], -1, head_dim)
    output = scaled_dot_product_attention(grouped, keys, values, attn_mask=block.mask, scale=scale)
    return output.reshape(rows, heads, head_dim)


def _segment(
    queries: torch.Tensor, keys: torch.Tensor, values: torch.Tensor, block: Block, scale: float | None
) -> torch.Tensor:
    count, heads, head_dim = queries.shape
    if block.causal:
        output = scaled_dot_product_attention(
            queries.transpose(0, 1)[None], keys, values, is_causal=True, scale=scale, enable_gqa=True
        )
        return output[0].transpose(0, 1)
    groups = heads // keys.shape[1]
    grouped = queries.transpose(0, 1).reshape(1, keys.shape[1], groups * count, head_dim)
    mask = block.mask.repeat(groups, 1) if block.mask is not None else None
    output = scaled_dot_product_attention(grouped, keys, values, attn_mask=mask, scale=scale)
    return output.reshape(heads, count, head_dim).transpose(0, 1)
