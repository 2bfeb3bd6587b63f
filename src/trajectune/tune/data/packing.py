"""Which rows share a pack: best-fit decreasing over all rows of a step, by the tokens a row would add.

The idea: the longest row goes first, and each row goes where it costs least: into the pack with which it
shares the longest prefix, and among equals into the fullest that has room. A pack is one forward pass, so
`pack_tokens` bounds memory; it counts unique tokens, since shared ones are computed once.

Invariants: every row is in exactly one pack; a pack exceeds `pack_tokens` only when it holds a single row
that is longer; the same rows give the same packs in the same order. (The schedule shuffles rows between
steps; inside a step the order of packs changes nothing, since their gradients are added.)
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from trajectune.models.prefix import common_prefix
from trajectune.tune.data.groups import Group
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import Pack, build_pack, sort_rows


@dataclass(slots=True)
class _Bin:
    """A pack that is being filled."""

    used: int = 0
    ranks: list[int] = field(default_factory=list)
    """Sorted places of its rows in the lexicographic order of all rows."""


def choose_packs(
    rows: Sequence[TokenRow], chosen: Sequence[int], pack_tokens: int, *, share: bool = True
) -> list[list[int]]:
    """Partition `chosen` (indices into `rows`) into packs of at most `pack_tokens` unique tokens.

    Every common prefix counts as shared, however short; `pack_rows` sees to those that are not.
    """
    order = sort_rows(rows, chosen)
    shared = [common_prefix(rows[a].tokens, rows[b].tokens) if share else 0 for a, b in pairwise(order)]
    # Sorted rows share with any other at most what all neighbours between them share.
    by_length = sorted(range(len(order)), key=lambda rank: (-len(rows[order[rank]]), rank))
    bins: list[_Bin] = []
    for rank in by_length:
        length = len(rows[order[rank]])
        costs = [length - _shared_with(bin_.ranks, rank, shared) for bin_ in bins]
        fits = [i for i, cost in enumerate(costs) if bins[i].used + cost <= pack_tokens]
        best = min(fits, key=lambda i: (costs[i], -bins[i].used, i), default=None)
        if best is None:
            bins.append(_Bin(length, [rank]))
        else:
            bins[best].used += costs[best]
            insort(bins[best].ranks, rank)
    return [[order[rank] for rank in bin_.ranks] for bin_ in bins]


def pack_rows(
    rows: Sequence[TokenRow],
    chosen: Sequence[int],
    groups: Sequence[Group],
    pack_tokens: int,
    *,
    share: bool = True,
) -> list[Pack]:
    """The packs of `chosen`; see `choose_packs` and `build_pack`."""
    packs: list[Pack] = []
    left = list(chosen)
    while left:
        planned = choose_packs(rows, left, pack_tokens, share=share)
        built = [_fitting(rows, plan, groups, pack_tokens, share=share) for plan in planned]
        packs += built
        left = [row for plan, pack in zip(planned, built, strict=True) for row in plan[len(pack.rows) :]]
    return packs


def _fitting(
    rows: Sequence[TokenRow], plan: Sequence[int], groups: Sequence[Group], pack_tokens: int, *, share: bool
) -> Pack:
    """The pack of as many of the planned rows as fit.

    Nearly always of all: but prefixes that are too short for a node are computed more than once, which the
    plan does not know.
    """
    for count in range(len(plan), 1, -1):
        pack = build_pack(rows, plan[:count], groups, share=share)
        if len(pack) <= pack_tokens:
            return pack
    return build_pack(rows, plan[:1], groups, share=share)


def split_among(packs: Sequence[Pack], processes: int) -> list[list[Pack]]:
    """Packs of each process: the largest first, always to the process with the fewest tokens so far."""
    parts: list[list[Pack]] = [[] for _ in range(processes)]
    loads = [0] * processes
    for pack in sorted(packs, key=len, reverse=True):
        lightest = loads.index(min(loads))
        parts[lightest].append(pack)
        loads[lightest] += len(pack)
    return parts


def _shared_with(ranks: list[int], rank: int, shared: list[int]) -> int:
    """Longest prefix that the row at `rank` shares with one of `ranks`."""
    place = bisect_left(ranks, rank)
    left = min(shared[ranks[place - 1] : rank], default=0) if place else 0
    right = min(shared[rank : ranks[place]], default=0) if place < len(ranks) else 0
    return max(left, right)
