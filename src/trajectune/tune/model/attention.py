"""Attention over a forest of prefixes, without a T × T mask.

The idea: on CPU a pack is worked off in blocks of queries (`trajectune.tune.model.layout`). The keys of a
block are put side by side, and only the corner where it meets itself, and with a sliding window the one
where its queries stop seeing, need a mask. Everything a block touches fits into the processor's cache,
which makes plain bf16 matrix products 2–4 times as fast as PyTorch's fused CPU kernel here
(benchmarks/tune.py). On CUDA FlexAttention follows the same rule (`trajectune.tune.model.flex`).

Plugged into transformers under the name `ATTENTION`: any causal model that takes its attention from
`ALL_ATTENTION_FUNCTIONS` can be tuned; it is called with `layout=` a `Layout`.

Invariants: equals dense attention under the rule of `Layout`, soft caps included; the softmax is computed
in fp32 inside, whatever the inputs are; gradients that many blocks add to one key are added in fp32; there
is no dropout, so that a row's loss does not depend on what it is packed with.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface

from trajectune.errors import ModelError
from trajectune.tune.model.flex import flex_attend
from trajectune.tune.model.layout import Block, Layout

ATTENTION = "trajectune_prefix_tree"
"""Name under which the attention is registered with transformers."""


def attend(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    layout: Layout,
    scaling: float | None = None,
    dropout: float = 0.0,
    sliding_window: int | None = None,
    softcap: float | None = None,
    s_aux: Tensor | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface: query [1, H, T, D], key and value [1, K, T, D] → [1, T, H, D].

    H is a multiple of K (grouped queries). Raises `ModelError` for what the tree does not support.
    """
    del attention_mask, dropout
    if s_aux is not None or value.shape[-1] != key.shape[-1]:
        raise ModelError(
            "the model's attention has sinks, or values of another width than its keys",
            where=type(module).__name__,
            remedy="choose a model with plain causal attention, with or without sliding windows",
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if sliding_window is None:  # some modules have a window and leave it to the mask
        sliding_window = getattr(module, "sliding_window", None)
    if layout.flex:
        mixed = flex_attend(query, key, value, layout.mask(sliding_window), scale, softcap)
        return mixed.transpose(1, 2), None
    blocks = layout.blocks(sliding_window)
    mixed: Any = _TreeAttention.apply(query, key, value, blocks, scale, softcap, layout.keep)
    return mixed, None


class _TreeAttention(torch.autograd.Function):
    """Block after block; the backward pass takes the probabilities that were kept, or makes them again."""

    @staticmethod
    def forward(
        ctx: Any,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        blocks: tuple[Block, ...],
        scale: float,
        softcap: float | None,
        keep: bool,
    ) -> Tensor:
        q, k, v = (part[0].contiguous() for part in (query, key, value))
        heads, tokens, width = q.shape
        output = q.new_empty(1, tokens, heads, width)
        kept: list[Tensor | None] = []
        for block in blocks:
            folded = _fold(q, block, len(k)) * scale
            probabilities, bent = _probabilities(folded, _gather(k, block), block, softcap)
            if keep:
                kept += (probabilities, bent)
            mixed = torch.bmm(probabilities, _gather(v, block))
            output[0, block.start : block.end] = mixed.view(heads, -1, width).transpose(0, 1)
        ctx.save_for_backward(q, k, v, *kept)
        ctx.blocks, ctx.scale, ctx.softcap = blocks, scale, softcap
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, *kept = ctx.saved_tensors
        heads, tokens, width = q.shape
        d_output = grads[0][0].transpose(0, 1).contiguous()
        d_query = q.new_empty(tokens, heads, width)
        d_key = q.new_zeros(len(k), tokens, width, dtype=torch.float32)
        d_value = torch.zeros_like(d_key)
        for number, block in enumerate(ctx.blocks):
            folded, keys = _fold(q, block, len(k)) * ctx.scale, _gather(k, block)
            d_mixed = _fold(d_output, block, len(k))
            found = kept[2 * number : 2 * number + 2] or _probabilities(folded, keys, block, ctx.softcap)
            p, bent = found
            d_p = torch.bmm(d_mixed, _gather(v, block).transpose(1, 2))
            d_scores = torch.ops.aten._softmax_backward_data(d_p, p, -1, p.dtype)
            if bent is not None:  # the slope of cap · tanh(x / cap) is 1 − tanh²
                d_scores = torch.addcmul(d_scores, d_scores * bent, bent, value=-1)
            d_folded = torch.bmm(d_scores, keys).view(heads, -1, width).mul_(ctx.scale)
            d_query[block.start : block.end] = d_folded.transpose(0, 1)
            _scatter(d_key, torch.bmm(d_scores.transpose(1, 2), folded), block)
            _scatter(d_value, torch.bmm(p.transpose(1, 2), d_mixed), block)
        d_k, d_v = (part.to(k.dtype).unsqueeze(0) for part in (d_key, d_value))
        return d_query.transpose(0, 1).unsqueeze(0), d_k, d_v, None, None, None, None


def _fold(x: Tensor, block: Block, kv_heads: int) -> Tensor:
    """Queries of a block, those that share a key head one below the other: [H, T, D] → [K, (H/K)·B, D]."""
    part = x[:, block.start : block.end]
    return part.reshape(kv_heads, -1, x.shape[-1])


def _gather(x: Tensor, block: Block) -> Tensor:
    """Keys (or values) that a block sees: [K, T, D] → [K, L, D]."""
    if len(block.runs) == 1:
        return x[:, slice(*block.runs[0])]
    return torch.cat([x[:, start:end] for start, end in block.runs], dim=1)


def _scatter(total: Tensor, part: Tensor, block: Block) -> None:
    """Add what a block gives to the keys it saw; the reverse of `_gather`."""
    offset = 0
    for start, end in block.runs:
        total[:, start:end] += part[:, offset : offset + end - start]
        offset += end - start


def _probabilities(
    folded: Tensor, keys: Tensor, block: Block, softcap: float | None
) -> tuple[Tensor, Tensor | None]:
    """Softmax of the scores of a block's scaled queries, shape [K, (H/K)·B, L], and tanh(score / cap)."""
    scores, bent = torch.bmm(folded, keys.transpose(1, 2)), None
    if softcap is not None:
        bent = torch.tanh(scores.div_(softcap))
        scores = bent * softcap
    _hide(scores.view(len(keys), -1, block.end - block.start, block.length), block)
    return torch.softmax(scores, dim=-1), bent


def _hide(scores: Tensor, block: Block) -> None:
    """Take away, in place, the scores [..., B, L] of keys that come after a query or before its window."""
    queries, length = scores.shape[-2:]
    before = length - queries
    scores[..., before:] += _later(queries, scores.dtype, scores.device)
    if block.window is not None:
        hidden = _earlier(queries, before + 1 - block.window, scores.dtype, scores.device)
        scores[..., : hidden.shape[-1]] += hidden


@lru_cache(maxsize=1024)
def _later(queries: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """What to add to the scores of a block with itself: −∞ where the key comes after the query, else 0."""
    return torch.full((queries, queries), float("-inf"), dtype=dtype, device=device).triu(1)


@lru_cache(maxsize=256)
def _earlier(queries: int, unseen: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """What to add to a block's scores with its first keys: −∞ for key k of query q where k < q + `unseen`.

    `unseen` is 0 or less: the first query sees all the keys of its block.
    """
    shape = (queries, queries - 1 + unseen)
    return torch.full(shape, float("-inf"), dtype=dtype, device=device).tril(unseen - 1)


AttentionInterface.register(ATTENTION, attend)  # pyright: ignore[reportArgumentType]
