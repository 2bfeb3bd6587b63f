"""Which tokens a forward pass computes, and where in the cache each of them belongs.

The idea: all rows of a batch are laid end to end in one sequence of N tokens, so that no linear layer
ever sees padding; only attention needs to know where a row begins. A prefill gives a segment of many
tokens per row, a decoding step one token per row, a speculative round a few, and a mixture is possible.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

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
    `slot:slot + slots`, after `pasts` cached tokens. They see cached positions `first:length`, of which
    `mask` `[slots, 1, count, length - first]` says which; None: all of them.
    """

    start: int
    stop: int
    slot: int
    pasts: tuple[int, ...]
    count: int
    mask: torch.Tensor | None
    first: int = 0
    causal: bool = False
    """The segment starts an empty slot: the plain causal triangle."""

    @property
    def slots(self) -> int:
        return len(self.pasts)

    @property
    def length(self) -> int:
        """Tokens that the longest of its slots has in the cache after this pass."""
        return max(self.pasts) + self.count


@dataclass(frozen=True, slots=True)
class Batch:
    """Positions `[N]` and slots `[N]` of the packed tokens, and the groups that cover them in order."""

    segments: Sequence[Segment]
    positions: torch.Tensor
    slots: torch.Tensor
    stretched: bool = False
    """Whether its rows are longer than the limit of `trajectune.engine.network.stretch`."""
    _cut: dict[int | None, tuple[Group, ...]] = field(default_factory=dict)

    @property
    def groups(self) -> tuple[Group, ...]:
        """The groups as a layer sees them that sees everything."""
        return self.seen(None)

    def seen(self, window: int | None) -> tuple[Group, ...]:
        """The groups as a layer sees them whose tokens see only the last `window` positions.

        They are made when they are first asked for: not every network needs them.
        """
        if window not in self._cut:
            device = self.positions.device
            if window is None:
                self._cut[None] = tuple(_grouped(self.segments, device))
            else:
                self._cut[window] = tuple(_windowed(group, window, device) for group in self.groups)
        return self._cut[window]


def make_batch(segments: Sequence[Segment], device: torch.device, stretched: bool = False) -> Batch:
    """Lays the segments end to end.

    Short segments are cheapest when they are equally long and come in the order of their slots.
    """
    positions = [position for s in segments for position in range(s.past, s.length)]
    slots = [s.slot for s in segments for _ in range(s.count)]
    return Batch(
        segments, torch.tensor(positions, device=device), torch.tensor(slots, device=device), stretched
    )


def _grouped(segments: Sequence[Segment], device: torch.device) -> Iterator[Group]:
    start = index = 0
    while index < len(segments):
        run = _run(segments[index:])
        group = _group(run, start, device)
        yield group
        start, index = group.stop, index + len(run)


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


def _group(run: Sequence[Segment], start: int, device: torch.device) -> Group:
    count, pasts = run[0].count, tuple(segment.past for segment in run)
    causal = len(run) == 1 and not pasts[0]
    mask = None if causal else _mask(pasts, count, device)
    return Group(start, start + len(run) * count, run[0].slot, pasts, count, mask, causal=causal)


def _windowed(group: Group, window: int, device: torch.device) -> Group:
    if group.length <= window:
        return group
    first = max(min(group.pasts) + 1 - window, 0)
    mask = _mask(group.pasts, group.count, device, first, window)
    return replace(group, mask=mask, first=first, causal=False)


def _mask(
    pasts: tuple[int, ...], count: int, device: torch.device, first: int = 0, window: int | None = None
) -> torch.Tensor | None:
    """Token i of a row sees the row's past and the new tokens up to itself, of these the last `window`."""
    if window is None and count == 1 and len(set(pasts)) == 1:
        return None
    own = (torch.tensor(pasts)[:, None] + torch.arange(count))[..., None]
    places = torch.arange(first, max(pasts) + count)
    mask = places <= own
    if window is not None:
        mask &= places > own - window
    return None if bool(mask.all()) else mask[:, None].to(device)
