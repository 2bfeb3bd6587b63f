"""Which tokens a forward pass computes, and where in the cache each of them belongs.

The idea: all rows of a batch are laid end to end in one sequence of N tokens, so that no linear layer
ever sees padding; only attention needs to know where a row begins. A prefill gives a segment of many
tokens per row, a decoding step one token per row, and a mixture is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True)
class Segment:
    """`count` new tokens of the conversation in `slot`, after `past` cached ones."""

    slot: int
    past: int
    count: int

    @property
    def length(self) -> int:
        """Tokens in the cache after this pass."""
        return self.past + self.count


@dataclass(frozen=True, slots=True)
class Block:
    """Consecutive rows `start:stop` of the packed sequence that attend in one call.

    Either one segment, or a run of single-token segments in the neighbouring slots `slot:slot + slots`.
    `mask` is a boolean tensor of what may be seen, or None where everything up to `length` may.
    """

    start: int
    stop: int
    slot: int
    slots: int
    length: int
    mask: torch.Tensor | None
    causal: bool = False
    """The segment starts an empty slot: the plain causal triangle."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Positions `[N]` and slots `[N]` of the packed tokens, and the blocks that cover them in order."""

    positions: torch.Tensor
    slots: torch.Tensor
    blocks: tuple[Block, ...]


def make_plan(segments: Sequence[Segment], device: torch.device) -> Plan:
    """Lays the segments end to end.

    Single-token segments are cheapest when they come in the order of their slots.
    """
    blocks: list[Block] = []
    start = index = 0
    while index < len(segments):
        group = _run(segments[index:])
        block = (
            _run_block(group, start, device) if group[0].count == 1 else _one_block(group[0], start, device)
        )
        blocks.append(block)
        start, index = block.stop, index + len(group)
    positions = torch.cat([torch.arange(s.past, s.length) for s in segments])
    slots = torch.repeat_interleave(
        torch.tensor([s.slot for s in segments]), torch.tensor([s.count for s in segments])
    )
    return Plan(positions.to(device), slots.to(device), tuple(blocks))


def _run(segments: Sequence[Segment]) -> Sequence[Segment]:
    """The longest start of `segments` that can attend in one call."""
    stop = 1
    while (
        stop < len(segments)
        and segments[0].count == segments[stop].count == 1
        and segments[stop].slot == segments[stop - 1].slot + 1
    ):
        stop += 1
    return segments[:stop]


def _run_block(group: Sequence[Segment], start: int, device: torch.device) -> Block:
    lengths = torch.tensor([segment.length for segment in group])
    longest = int(lengths.max())
    mask = None
    if int(lengths.min()) < longest:  # [rows, 1, 1, length]: the same for all heads
        mask = (torch.arange(longest) < lengths[:, None])[:, None, None].to(device)
    return Block(start, start + len(group), group[0].slot, len(group), longest, mask)


def _one_block(segment: Segment, start: int, device: torch.device) -> Block:
    mask = None
    if segment.past:  # [count, length]: token i sees the past and the new tokens up to itself
        rows = torch.arange(segment.past, segment.length)[:, None]
        mask = (torch.arange(segment.length)[None] <= rows).to(device)
    return Block(
        start, start + segment.count, segment.slot, 1, segment.length, mask, causal=not segment.past
    )
