"""Who sees whom in a pack, in blocks of queries with the runs of keys that they see.

The idea: a block sees the tokens of its ancestors and its own node up to itself, so its keys are a few
contiguous runs put side by side, in the order of their positions. A layer with a sliding window sees the
last of them only, so the runs are cut at the front and a short window saves work. Windows are per layer,
so the blocks of each window are made when a layer first asks for them.

Invariants: with a window of w, token i sees its ancestor j exactly when position_i − position_j < w,
however far apart they stand in the pack; a window that is not shorter than the deepest path is none.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor
from transformers import PreTrainedConfig

from trajectune.errors import ModelError
from trajectune.tune.data.tree import Node, Pack
from trajectune.tune.model.flex import flex_mask

QUERY_BLOCK = 256
"""Most queries in a block: scores of a block stay in the processor's cache."""

Run = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Block:
    """Queries `[start, end)` and the runs of keys that some of them see; the last run ends with them."""

    start: int
    end: int
    runs: tuple[Run, ...]
    window: int | None = None
    """The layer's, where some query does not see all the runs up to itself."""

    @property
    def length(self) -> int:
        """Keys."""
        return sum(end - start for start, end in self.runs)

    @property
    def pairs(self) -> int:
        """Number of (query, key) pairs that see each other."""
        before = self.length - (self.end - self.start)
        seen = range(before + 1, self.length + 1)
        return sum(seen) if self.window is None else sum(min(keys, self.window) for keys in seen)


class Layout:
    """Who sees whom in a pack: blocks, or the masks of FlexAttention."""

    def __init__(
        self,
        pack: Pack,
        device: torch.device | str = "cpu",
        *,
        flex: bool = False,
        keep: bool = False,
        short: bool = False,
    ) -> None:
        self._pack, self._device = pack, device
        self.flex = flex
        """Whether attention is to be computed by FlexAttention."""
        self.keep = keep
        """Whether the blocks' probabilities stay in memory for the backward pass."""
        self.short = short
        """Whether the last layer gives the states of `predecessors` only (`trajectune.tune.model.last`)."""
        self.depth = int(pack.positions.max()) + 1
        """Tokens of the deepest path."""
        self._blocks: dict[int | None, tuple[Block, ...]] = {}
        self._masks: dict[int | None, Any] = {}

    def blocks(self, window: int | None = None) -> tuple[Block, ...]:
        """The blocks of a layer with this sliding window, `None` for one that sees everything."""
        window = self._short(window)
        if window not in self._blocks:
            self._blocks[window] = tuple(self._cut(window))
        return self._blocks[window]

    def mask(self, window: int | None = None) -> Any:
        """FlexAttention's block mask of such a layer."""
        window = self._short(window)
        if window not in self._masks:
            self._masks[window] = flex_mask(self._pack, self._device, window)
        return self._masks[window]

    def pairs(self, window: int | None = None) -> int:
        """Number of (query, key) pairs that such a layer must compute at least."""
        return sum(block.pairs for block in self.blocks(window))

    def scores(self, window: int | None = None) -> int:
        """Numbers in the blocks of scores that such a layer computes for each head."""
        return sum((block.end - block.start) * block.length for block in self.blocks(window))

    @cached_property
    def predecessors(self) -> Tensor:
        """Where the tokens stand whose states predict the targets, shape [N]."""
        return torch.from_numpy(self._pack.predecessors).to(self._device)

    def _short(self, window: int | None) -> int | None:
        return window if window is not None and window < self.depth else None

    @cached_property
    def _paths(self) -> list[tuple[Node, tuple[Run, ...]]]:
        """Each node with the runs above it."""
        whole: list[tuple[Run, ...]] = []
        found = []
        for node in self._pack.nodes:
            above = whole[node.parent] if node.parent >= 0 else ()
            whole.append(_join(above, (node.start, node.end)))
            found.append((node, above))
        return found

    def _cut(self, window: int | None) -> Iterator[Block]:
        for node, above in self._paths:
            for start in range(node.start, node.end, QUERY_BLOCK):
                end = min(start + QUERY_BLOCK, node.end)
                runs = _join(above, (node.start, end))
                if window is None or self._pack.positions[end - 1] < window:
                    yield Block(start, end, runs)
                else:
                    unseen = int(self._pack.positions[start]) - window + 1
                    yield Block(start, end, _behind(runs, unseen), window)


def layout_of(
    pack: Pack, device: torch.device | str = "cpu", *, keep: bool = False, short: bool = False
) -> Layout:
    """The layout of a pack: worked off in blocks on CPU, by FlexAttention on CUDA."""
    return Layout(pack, device, flex=torch.device(device).type == "cuda", keep=keep, short=short)


def windows_of(config: PreTrainedConfig) -> list[int | None]:
    """The sliding window of each layer, `None` where it sees everything.

    Raises ModelError for layers that mix tokens by something else than attention over all or a window.
    """
    window = getattr(config, "sliding_window", None) or None  # some say 0 for none
    kinds = getattr(config, "layer_types", None)
    if kinds is None:
        used = window if getattr(config, "use_sliding_window", True) else None
        return [used] * config.num_hidden_layers
    windows = {"full_attention": None, "attention": None, "sliding_attention": window}
    if other := sorted(set(kinds) - set(windows)):
        raise ModelError(
            f"layers of the kind {', '.join(other)} cannot be tuned here",
            where=config.model_type,
            remedy="choose a model whose layers are attention over everything or a sliding window",
        )
    return [windows[kind] for kind in kinds]


def _join(runs: tuple[Run, ...], run: Run) -> tuple[Run, ...]:
    """`runs` and `run`, made one where they touch (the first child follows its parent)."""
    if runs and runs[-1][1] == run[0]:
        return (*runs[:-1], (runs[-1][0], run[1]))
    return (*runs, run)


def _behind(runs: tuple[Run, ...], count: int) -> tuple[Run, ...]:
    """`runs` without their first `count` tokens."""
    kept: list[Run] = []
    for start, end in runs:
        if count < end - start:
            kept.append((start + max(count, 0), end))
        count -= end - start
    return tuple(kept)
