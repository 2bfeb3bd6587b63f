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
    softcap: float | None = None,
) -> torch.Tensor:
    """Attention output `[N, heads, head_dim]` of queries of that shape.

    `keys` and `values` `[N, kv_heads, head_dim]` are the new ones, written to the cache first. `scale` None
    means 1/√head_dim; `softcap` c makes of each score s c·tanh(s / c). How far back the layer sees is the
    cache's to know.
    """
    all_keys, all_values = cache.keys[layer], cache.values[layer]
    all_keys[batch.slots, :, batch.positions] = keys
    all_values[batch.slots, :, batch.positions] = values
    outputs = []
    for group in batch.seen(cache.windows[layer]):
        slots, places = slice(group.slot, group.slot + group.slots), slice(group.first, group.length)
        seen_keys, seen_values = all_keys[slots, :, places], all_values[slots, :, places]
        rows = queries[group.start : group.stop]
        if softcap is not None:
            outputs.append(_capped(rows, seen_keys, seen_values, group, scale, softcap))
        elif group.causal:
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
    mask = group.mask
    output = scaled_dot_product_attention(
        _folded(queries, group, keys.shape[1]),
        keys,
        values,
        attn_mask=None if mask is None else _folded_mask(mask, queries.shape[1] // keys.shape[1]),
        scale=scale,
    )
    return _unfolded(output, group)


def _capped(
    queries: torch.Tensor,
    keys: torch.Tensor,
    values: torch.Tensor,
    group: Group,
    scale: float | None,
    softcap: float,
) -> torch.Tensor:
    """PyTorch's attention knows no cap: scores and softmax in fp32, one after the other."""
    mask = group.mask
    if group.causal:
        mask = torch.ones(group.count, group.count, dtype=torch.bool, device=keys.device).tril()[None, None]
    factor: float = (queries.shape[-1] ** -0.5 if scale is None else scale) / softcap
    scores = (_folded(queries, group, keys.shape[1]) @ keys.transpose(2, 3)).float()
    scores = softcap * scores.mul_(factor).tanh_()
    if mask is not None:
        hidden = ~_folded_mask(mask, queries.shape[1] // keys.shape[1])
        scores.masked_fill_(hidden, -torch.inf)
    return _unfolded(scores.softmax(-1).to(values.dtype) @ values, group)


def _folded(queries: torch.Tensor, group: Group, kv_heads: int) -> torch.Tensor:
    """`[N, heads, head_dim]` → `[slots, kv_heads, (heads / kv_heads)·count, head_dim]`."""
    _, heads, head_dim = queries.shape
    grouped = queries.reshape(group.slots, group.count, kv_heads, heads // kv_heads, head_dim)
    return grouped.permute(0, 2, 3, 1, 4).reshape(group.slots, kv_heads, -1, head_dim)


def _folded_mask(mask: torch.Tensor, groups: int) -> torch.Tensor:
    """The mask of `groups` queries that share a key/value head, one below the other."""
    return mask if mask.shape[2] == 1 else mask.repeat(1, 1, groups, 1)


def _unfolded(output: torch.Tensor, group: Group) -> torch.Tensor:
    """The reverse of `_folded`."""
    slots, kv_heads, _, head_dim = output.shape
    output = output.view(slots, kv_heads, -1, group.count, head_dim).permute(0, 3, 1, 2, 4)
    return output.reshape(slots * group.count, -1, head_dim)
