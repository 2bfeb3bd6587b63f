"""Which tokens a forward pass computes, and where in the cache each of them belongs.

The idea: all rows of a batch are laid end to end in one sequence of N tokens, so that no linear layer
ever sees padding; only attention needs to know where a row begins. A prefill gives a segment of many
tokens per row, a decoding step one token per row, a speculative round a few, and a mixture is possible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

_SHORT = 32
"""Tokens of a segment up to which attending together, padded to the longest past, beats one by one."""


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
class Group:
    """Consecutive rows `start:stop` of the packed sequence that attend in one call.

    Either one segment, or a run of short ones of `count` tokens each in the neighbouring slots
    `slot:slot + slots`. `mask` `[slots, 1, count, length]` says what may be seen; None: all up to `length`.
    """

    start: int
    stop: int
    slot: int
    slots: int
    count: int
    length: int
    mask: torch.Tensor | None
    causal: bool = False
    """The segment starts an empty slot: the plain causal triangle."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Positions `[N]` and slots `[N]` of the packed tokens, and the groups that cover them in order."""

    positions: torch.Tensor
    slots: torch.Tensor
    groups: tuple[Group, ...]


def make_batch(segments: Sequence[Segment], device: torch.device) -> Batch:
    """Lays the segments end to end.

    Short segments are cheapest when they are equally long and come in the order of their slots.
    """
    groups: list[Group] = []
    start = index = 0
    while index < len(segments):
        group = _run(segments[index:])
        groups.append(_group(group, start, device))
        start, index = groups[-1].stop, index + len(group)
    positions = torch.cat([torch.arange(s.past, s.length) for s in segments])
    slots = torch.repeat_interleave(
        torch.tensor([s.slot for s in segments]), torch.tensor([s.count for s in segments])
    )
    return Batch(positions.to(device), slots.to(device), tuple(groups))


def _run(segments: Sequence[Segment]) -> Sequence[Segment]:
    """The longest start of `segments` that can attend in one call."""
    first, stop = segments[0], 1
    while (
        stop < len(segments)
        and first.count <= _SHORT
        and first.count == segments[stop].count
        and segments[stop].slot == segments[stop - 1].slot + 1
    ):
        stop += 1
    return segments[:stop]


def _group(group: Sequence[Segment], start: int, device: torch.device) -> Group:
    first, length = group[0], max(segment.length for segment in group)
    causal = len(group) == 1 and not first.past
    mask = None
    if not causal and (first.count > 1 or any(segment.length < length for segment in group)):
        # Token i of a row sees the row's past and the new tokens up to itself.
        ends = torch.tensor([segment.past for segment in group])[:, None] + torch.arange(first.count)
        mask = (torch.arange(length) <= ends[..., None])[:, None].to(device)
    stop = start + len(group) * first.count
    return Group(start, stop, first.slot, len(group), first.count, length, mask, causal)
