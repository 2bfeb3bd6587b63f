"""Rows laid out as a forest of prefixes: tokens that several rows share at their beginning stand once.

The idea: trajectories of one environment open with the same instruction, so most of what a trainer would
compute for the second one it has computed for the first. A pack is a forest of nodes in depth-first
order. A row is a path from a root to a node; a token sits at the position of its depth and sees its
ancestors only. Rows that share nothing are separate trees, so neighbours never see each other.

A branch point has one hidden state and several next tokens to predict. Every token is therefore its own
target: (where its predecessor stands, the token as label, how many rows of each group train it). Equal
trained tokens of several rows are one target whose counts add up.

Invariants: node i's parent comes before i; the tokens of a subtree are contiguous, so token j is visible
to token i exactly when `j <= i < subtree_end[j]`; the loss and its gradient equal those of the rows
computed one by one (tests/tune/test_packed_equals_unpacked.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trajectune.models.prefix import common_prefix
from trajectune.tune.data.groups import Group, columns_of
from trajectune.tune.data.rows import TokenRow

MIN_SHARED = 16
"""Tokens a branch must save to become a node of its own: below that the bookkeeping costs more."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Node:
    """A run of tokens without a branch: `tokens[start:end]` of its pack."""

    start: int
    end: int
    parent: int
    """Index of the node before it on the path; -1 for a root."""


@dataclass(frozen=True, slots=True)
class Pack:
    """Rows as one flat vector of tokens; T tokens, N targets, G groups."""

    rows: tuple[int, ...]
    """Which rows (their indices among all rows) it holds."""
    row_tokens: int
    """Tokens of these rows before sharing."""
    tokens: Ints
    """Shape [T]."""
    positions: Ints
    """Depth of each token in its row, shape [T]."""
    nodes: tuple[Node, ...]
    """In depth-first order."""
    predecessors: Ints
    """Index of the token whose hidden state predicts the target, shape [N]."""
    labels: Ints
    """The token to predict, shape [N]."""
    counts: NDArray[np.float32]
    """How many rows of each group (source and label) train the target, shape [N, G]."""

    def __len__(self) -> int:
        """Unique tokens: what is computed."""
        return int(self.tokens.shape[0])

    def subtree_ends(self) -> Ints:
        """For each token the end of its node's subtree, shape [T]."""
        ends = [node.end for node in self.nodes]
        for index in range(len(self.nodes) - 1, -1, -1):
            parent = self.nodes[index].parent
            if parent >= 0:
                ends[parent] = max(ends[parent], ends[index])
        return np.repeat(np.array(ends), [node.end - node.start for node in self.nodes])


def sort_rows(rows: Sequence[TokenRow], chosen: Sequence[int]) -> list[int]:
    """`chosen` in the lexicographic order of their tokens: rows that share a prefix become neighbours."""
    # big-endian bytes compare as the numbers do, and much faster than lists
    return sorted(chosen, key=lambda index: rows[index].tokens.astype(">u4").tobytes())


def build_pack(
    rows: Sequence[TokenRow],
    chosen: Sequence[int],
    groups: Sequence[Group],
    *,
    share: bool = True,
    min_shared: int = MIN_SHARED,
) -> Pack:
    """The pack of `rows[i]` for i in `chosen`; with `share` False every row is a tree of its own.

    `groups` gives the order of the columns of `counts`.
    """
    order = sort_rows(rows, chosen) if share else list(chosen)
    builder = _Builder(rows, groups, min_shared)
    # a stack of (rows of a subtree, their first token that is not laid out yet, parent node)
    stack = [([index], 0, -1) for index in reversed(order)] if not share else _split(rows, order, 0, -1)
    while stack:
        stack.extend(builder.lay(*stack.pop()))
    return builder.pack(tuple(order))


def _split(
    rows: Sequence[TokenRow], group: Sequence[int], depth: int, parent: int, start: int | None = None
) -> list[tuple[list[int], int, int]]:
    """Sorted rows, cut where their token at `depth` changes, as subtrees; last first, for a stack."""
    parts: list[list[int]] = []
    before = -1
    for index in group:
        token = int(rows[index].tokens[depth])
        if parts and token == before:
            parts[-1].append(index)
        else:
            parts.append([index])
        before = token
    return [(part, depth if start is None else start, parent) for part in reversed(parts)]


class _Builder:
    """Collects nodes and the tokens, positions and counts that they bring."""

    def __init__(self, rows: Sequence[TokenRow], groups: Sequence[Group], min_shared: int) -> None:
        self.rows, self.min_shared = rows, min_shared
        self.width, self.columns = len(groups), columns_of(groups)
        self.nodes: list[Node] = []
        self.tokens: list[NDArray[np.int32]] = []
        self.depths: list[Ints] = []
        self.counts: list[NDArray[np.float32]] = []

    def lay(self, group: list[int], start: int, parent: int) -> list[tuple[list[int], int, int]]:
        """Lay out what all rows of `group` share from depth `start` on; gives the subtrees below it.

        The rows are sorted, so what the first and the last share all share.
        """
        first, last = self.rows[group[0]].tokens, self.rows[group[-1]].tokens
        end = len(first) if len(group) == 1 else common_prefix(first, last)
        longer = [index for index in group if len(self.rows[index]) > end]
        below = _split(self.rows, longer, end, -1) if longer else []
        branches = len(below) + (len(longer) < len(group))
        if branches > 1 and (end - start) * (branches - 1) < self.min_shared:
            ended = [index for index in group if len(self.rows[index]) == end]
            apart = [(part, start, parent) for part, _, _ in below]
            return [*apart, (ended, start, parent)] if ended else apart
        self._add(group, start, end, parent)
        return [(part, depth, len(self.nodes) - 1) for part, depth, _ in below]

    def _add(self, group: list[int], start: int, end: int, parent: int) -> None:
        counts = np.zeros((end - start, self.width), np.float32)
        for index in group:
            row = self.rows[index]
            trained = np.flatnonzero(row.trained[start:end])
            counts[trained, self.columns[row.source][row.labels[start:end][trained]]] += 1
        begin = self.nodes[-1].end if self.nodes else 0
        self.nodes.append(Node(begin, begin + end - start, parent))
        self.tokens.append(self.rows[group[0]].tokens[start:end])
        self.depths.append(np.arange(start, end))
        self.counts.append(counts)

    def pack(self, chosen: tuple[int, ...]) -> Pack:
        counts = np.concatenate(self.counts)
        tokens = np.concatenate(self.tokens).astype(np.int64)
        before = np.arange(-1, len(tokens) - 1)
        for node in self.nodes:
            before[node.start] = self.nodes[node.parent].end - 1 if node.parent >= 0 else -1
        targets = np.flatnonzero(counts.any(axis=1))
        return Pack(
            rows=chosen,
            row_tokens=sum(len(self.rows[index]) for index in chosen),
            tokens=tokens,
            positions=np.concatenate(self.depths),
            nodes=tuple(self.nodes),
            predecessors=before[targets],
            labels=tokens[targets],
            counts=counts[targets],
        )
