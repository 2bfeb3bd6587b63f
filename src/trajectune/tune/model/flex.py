"""The rule of a pack as FlexAttention's: what the blocks do on CPU, compiled for CUDA.

The idea: who sees whom is one line of mask, a soft cap one line of score, and which tiles the mask touches
is worked out from the tree, so that no T × T tensor exists. What differs between packs and models (subtree
ends, first positions of windows, caps) lies in tensors, so that a kernel serves them all.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import pad

from trajectune.tune.data.tree import Pack

_TILE = 128
"""Queries and keys in a tile of the block mask."""
_SMALLEST_HEAD = 16
"""Numbers per head that the kernels need at least."""


def flex_attend(
    query: Tensor, key: Tensor, value: Tensor, mask: Any, scale: float, softcap: float | None
) -> Tensor:
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
        score_mod=None if softcap is None else _capped(softcap, query),
        block_mask=mask,
        enable_gqa=query.shape[1] != key.shape[1],
        kernel_options={"BACKEND": "TRITON"},  # one kernel for short packs too, instead of decoding's
    )
    return output[..., :width]


def flex_mask(pack: Pack, device: torch.device | str, window: int | None = None) -> Any:
    """FlexAttention's block mask of a pack: `j <= i < subtree_end[j]`, and j within the window of i.

    Tile (q, k) below the diagonal is touched where some key of k reaches the first query of q, and needs
    no mask where every key of k reaches the last one; a window leaves out the tiles that lie before it.
    """
    from torch.nn.attention.flex_attention import BlockMask

    subtree_ends, length = pack.subtree_ends(), len(pack)
    starts = np.arange(0, length, _TILE)
    first, behind = starts[:, None], starts[:, None] + _TILE
    farthest = np.maximum.reduceat(subtree_ends, starts)
    nearest = np.minimum.reduceat(subtree_ends, starts)
    below = np.tri(len(starts), k=-1, dtype=bool)
    full = below & (nearest >= behind)
    touched = below & (farthest > first)
    rule = _in_subtree(_on(subtree_ends, device))
    if window is not None:
        opens = pack.positions - (window - 1)
        lowest = np.minimum.reduceat(pack.positions, starts)
        highest = np.maximum.reduceat(pack.positions, starts)
        full &= lowest >= np.maximum.reduceat(opens, starts)[:, None]
        touched &= highest >= np.minimum.reduceat(opens, starts)[:, None]
        rule = _in_window(_on(subtree_ends, device), _on(pack.positions, device), _on(opens, device))
    return BlockMask.from_kv_blocks(
        *_tiles((touched & ~full) | np.eye(len(starts), dtype=bool), device),
        *_tiles(full, device),
        BLOCK_SIZE=_TILE,
        mask_mod=rule,
        seq_lengths=(length, length),
    )


def _in_subtree(ends: Tensor) -> Callable[..., Tensor]:
    def visible(batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        del batch, head
        return (j <= i) & (i < ends[j])

    return visible


def _in_window(ends: Tensor, positions: Tensor, opens: Tensor) -> Callable[..., Tensor]:
    """The same, and j not before the first position that i sees."""

    def visible(batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        del batch, head
        return (j <= i) & (i < ends[j]) & (positions[j] >= opens[i])

    return visible


def _capped(softcap: float, query: Tensor) -> Callable[..., Tensor]:
    """What a soft cap makes of a score; one number for each head, since a bare one would be compiled in."""
    caps = torch.full((query.shape[1],), softcap, device=query.device)

    def cap(score: Tensor, batch: Tensor, head: Tensor, i: Tensor, j: Tensor) -> Tensor:
        del batch, i, j
        return caps[head] * torch.tanh(score / caps[head])

    return cap


def _on(array: NDArray[np.int64], device: torch.device | str) -> Tensor:
    return torch.from_numpy(array).to(device, torch.int32)


def _tiles(chosen: NDArray[np.bool_], device: torch.device | str) -> tuple[Tensor, Tensor]:
    """How many tiles each row has, [1, 1, Q], and all columns with the chosen ones first, [1, 1, Q, K]."""
    counts = torch.from_numpy(chosen.sum(axis=1, dtype=np.int32))
    order = torch.from_numpy(np.argsort(~chosen, axis=1, kind="stable").astype(np.int32))
    return counts.to(device)[None, None], order.to(device)[None, None]


@cache
def _flex() -> Any:
    """FlexAttention, compiled: uncompiled it would build the dense matrix.

    So would a kernel too many: beyond the limit PyTorch stops compiling. Shapes of heads, number formats,
    windows and caps, short packs and passes without gradients each take one, and a study tunes several
    models.
    """
    from torch.nn.attention.flex_attention import flex_attention

    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)
    return torch.compile(flex_attention, dynamic=True)
