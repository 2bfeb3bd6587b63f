"""Attention over a forest of prefixes, without a T × T mask.

The idea: on CPU each node is worked off in blocks of queries. A block sees the tokens of its ancestors,
all of them, and its own node up to itself, so its keys are a few contiguous runs put side by side and
only the corner where the block meets itself needs a mask. Everything a block touches fits into the
processor's cache, which makes plain bf16 matrix products 2–4 times as fast as PyTorch's fused CPU
kernel here (benchmarks/tune.py). On CUDA the same rule is one line of FlexAttention mask, and which tiles
it touches is worked out from the tree, so that no T × T tensor exists there either.

Plugged into transformers under the name `ATTENTION`: any causal model that takes its attention from
`ALL_ATTENTION_FUNCTIONS` can be tuned; it is called with `layout=` a `Layout`.

Invariants: equals dense attention under the mask `j <= i < subtree_end[j]`; the softmax is computed in
fp32 inside, whatever the inputs are; gradients that many blocks add to one key are added in fp32.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad
from transformers import AttentionInterface

from trajectune.errors import ModelError
from trajectune.tune.data.tree import Pack

ATTENTION = "trajectune_prefix_tree"
"""Name under which the attention is registered with transformers."""

QUERY_BLOCK = 256
"""Most queries in a block: scores of a block stay in the processor's cache."""

_TILE = 128
"""Queries and keys in a tile of FlexAttention's block mask."""
_SMALLEST_HEAD = 16
"""Numbers per head that FlexAttention's kernels need at least."""


@dataclass(frozen=True, slots=True)
class Block:
    """Queries `[start, end)` and the runs of keys they see; the last run ends with the queries."""

    start: int
    end: int
    runs: tuple[tuple[int, int], ...]

    @property
    def length(self) -> int:
        return sum(end - start for start, end in self.runs)


@dataclass(frozen=True, slots=True)
class Layout:
    """Who sees whom in a pack."""

    blocks: tuple[Block, ...]
    depth: int
    """Tokens of the deepest path."""
    mask: Any = None
    """FlexAttention's block mask; CUDA only."""

    @property
    def pairs(self) -> int:
        """Number of (query, key) pairs that are seen: what attention must compute at least."""
        return sum(
            (b.end - b.start) * (b.length - (b.end - b.start))
            + (b.end - b.start) * (b.end - b.start + 1) // 2
            for b in self.blocks
        )


def layout_of(pack: Pack, device: torch.device | str = "cpu") -> Layout:
    """The layout of a pack: blocks on CPU, a block mask as well on CUDA."""
    blocks: list[Block] = []
    paths: list[tuple[tuple[int, int], ...]] = []
    for node in pack.nodes:
        above = paths[node.parent] if node.parent >= 0 else ()
        paths.append(_join(above, (node.start, node.end)))
        for start in range(node.start, node.end, QUERY_BLOCK):
            end = min(start + QUERY_BLOCK, node.end)
            blocks.append(Block(start, end, _join(above, (node.start, end))))
    mask = flex_mask(pack, device) if torch.device(device).type == "cuda" else None
    return Layout(tuple(blocks), int(pack.positions.max()) + 1, mask)


def _join(runs: tuple[tuple[int, int], ...], run: tuple[int, int]) -> tuple[tuple[int, int], ...]:
    """`runs` and `run`, made one where they touch (the first child follows its parent)."""
    if runs and runs[-1][1] == run[0]:
        return (*runs[:-1], (runs[-1][0], run[1]))
    return (*runs, run)


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
    **_: Any,
) -> tuple[Tensor, None]:
    """transformers' attention interface: query [1, H, T, D], key and value [1, K, T, D] → [1, T, H, D].

    H is a multiple of K (grouped queries). Raises `ModelError` for what the tree does not support.
    """
    del module, attention_mask
    if dropout or softcap or (sliding_window is not None and sliding_window < layout.depth):
        raise ModelError(
            "the model's attention uses dropout, a soft cap, or a window shorter than the rows",
            remedy="choose a model with plain causal attention, or shorten rows with `max_tokens`",
        )
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    if layout.mask is not None:
        return _flex_attend(query, key, value, layout.mask, scale).transpose(1, 2), None
    return _TreeAttention.apply(query, key, value, layout, scale), None  # pyright: ignore[reportReturnType]


class _TreeAttention(torch.autograd.Function):
    """Block after block; the backward pass makes the probabilities again instead of keeping them."""

    @staticmethod
    def forward(
        ctx: Any, query: Tensor, key: Tensor, value: Tensor, layout: Layout, scale: float
    ) -> Tensor:
        ctx.save_for_backward(query, key, value)
        ctx.layout, ctx.scale = layout, scale
        q, k, v = query[0], key[0], value[0]
        heads, tokens, width = q.shape
        output = torch.empty(1, tokens, heads, width, dtype=q.dtype)
        for block in layout.blocks:
            probabilities = _probabilities(_fold(q, block, len(k)) * scale, _gather(k, block), block)
            mixed = torch.bmm(probabilities, _gather(v, block))
            output[0, block.start : block.end] = mixed.view(heads, -1, width).transpose(0, 1)
        return output

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, Tensor, Tensor, None, None]:
        q, k, v = (tensor[0] for tensor in ctx.saved_tensors)
        heads, tokens, width = q.shape
        d_output = grads[0][0].transpose(0, 1)
        d_query = torch.empty(tokens, heads, width, dtype=q.dtype)
        d_key = torch.zeros(len(k), tokens, width)
        d_value = torch.zeros(len(k), tokens, width)
        for block in ctx.layout.blocks:
            folded, keys = _fold(q, block, len(k)) * ctx.scale, _gather(k, block)
            d_mixed = _fold(d_output, block, len(k))
            p = _probabilities(folded, keys, block)
            d_p = torch.bmm(d_mixed, _gather(v, block).transpose(1, 2))
            d_scores = torch.ops.aten._softmax_backward_data(d_p, p, -1, p.dtype)
            d_folded = torch.bmm(d_scores, keys).view(heads, -1, width).mul_(ctx.scale)
            d_query[block.start : block.end] = d_folded.transpose(0, 1)
            _scatter(d_key, torch.bmm(d_scores.transpose(1, 2), folded), block)
            _scatter(d_value, torch.bmm(p.transpose(1, 2), d_mixed), block)
        d_k, d_v = (part.to(k.dtype).unsqueeze(0) for part in (d_key, d_value))
        return d_query.transpose(0, 1).unsqueeze(0), d_k, d_v, None, None


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


def _probabilities(folded: Tensor, keys: Tensor, block: Block) -> Tensor:
    """Softmax of the scores of a block's scaled queries, shape [K, (H/K)·B, L]."""
    queries = block.end - block.start
    scores = torch.bmm(folded, keys.transpose(1, 2))
    own = scores.view(len(keys), -1, queries, block.length)[..., block.length - queries :]
    own += _later(queries, scores.dtype)
    return torch.softmax(scores, dim=-1)


@cache
def _later(queries: int, dtype: torch.dtype) -> Tensor:
    """What to add to the scores of a block with itself: −∞ where the key comes after the query, else 0."""
    return torch.full((queries, queries), float("-inf"), dtype=dtype).triu(1)


def _flex_attend(query: Tensor, key: Tensor, value: Tensor, mask: Any, scale: float) -> Tensor:
    """FlexAttention of query [1, H, T, D], key and value [1, K, T, D] → [1, H, T, D].

    Its kernels want at least 16 numbers per head, so smaller heads get zeros. Compiled for lengths that
    vary, everything else must be said to be constant, the scale above all: so it goes into the queries.
    """
    width = query.shape[-1]
    if width < _SMALLEST_HEAD:
        query, key, value = (pad(part, (0, _SMALLEST_HEAD - width)) for part in (query, key, value))
    factor = scale * query.shape[-1] ** 0.5
    if abs(factor - 1) > 1e-6:
        query = query * factor
    for part in (query, key, value):
        torch._dynamo.mark_static(part, 1)
        torch._dynamo.mark_static(part, 3)
    output = _flex()(
        query,
        key,
        value,
        block_mask=mask,
        enable_gqa=query.shape[1] != key.shape[1],
        kernel_options={"BACKEND": "TRITON"},  # one kernel for short packs too, instead of decoding's
    )
    return output[..., :width]


def flex_mask(pack: Pack, device: torch.device | str) -> Any:
    """FlexAttention's block mask of a pack: `j <= i < subtree_end[j]`.

    Tile (q, k) below the diagonal is touched where some key of k reaches the first query of q, and needs
    no mask where every key of k reaches the last one.
    """
    from torch.nn.attention.flex_attention import BlockMask

    subtree_ends, length = pack.subtree_ends(), len(pack)
    starts = np.arange(0, length, _TILE)
    first, behind = starts[:, None], starts[:, None] + _TILE
    farthest = np.maximum.reduceat(subtree_ends, starts)
    nearest = np.minimum.reduceat(subtree_ends, starts)
    below = np.tri(len(starts), k=-1, dtype=bool)
    full = below & (nearest >= behind)
    partial = (below & (farthest > first) & ~full) | np.eye(len(starts), dtype=bool)
    ends = torch.from_numpy(subtree_ends).to(device, torch.int32)

    def visible(batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        del batch, head
        return (j <= i) & (i < ends[j])

    return BlockMask.from_kv_blocks(
        *_tiles(partial, device),
        *_tiles(full, device),
        BLOCK_SIZE=_TILE,
        mask_mod=visible,
        seq_lengths=(length, length),
    )


def _tiles(chosen: NDArray[np.bool_], device: torch.device | str) -> tuple[Tensor, Tensor]:
    """How many tiles each row has, [1, 1, Q], and all columns with the chosen ones first, [1, 1, Q, K]."""
    counts = torch.from_numpy(chosen.sum(axis=1, dtype=np.int32))
    order = torch.from_numpy(np.argsort(~chosen, axis=1, kind="stable").astype(np.int32))
    return counts.to(device)[None, None], order.to(device)[None, None]


@cache
def _flex() -> Any:
    """FlexAttention, compiled: uncompiled it would build the dense matrix.

    So would a kernel too many: beyond the limit PyTorch stops compiling. Shapes of heads, number formats,
    short packs and passes without gradients each take one, and a study tunes several models.
    """
    from torch.nn.attention.flex_attention import flex_attention

    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
    return torch.compile(flex_attention, dynamic=True)


AttentionInterface.register(ATTENTION, attend)  # pyright: ignore[reportArgumentType]
