"""The forest of prefixes: its shape, its targets, its counts."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.models.prefix import common_prefix
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import Pack, build_pack

Row = Callable[..., TokenRow]


def targets(pack: Pack) -> list[tuple[int, int, list[float]]]:
    """(token before, label, counts) of each target."""
    before = pack.tokens[pack.predecessors]
    return list(zip(before.tolist(), pack.labels.tolist(), pack.counts.tolist(), strict=True))


def test_a_branch_point_predicts_several_tokens(make_row: Row) -> None:
    rows = [
        make_row([1, 2, 3, 4], [2, 3]),
        make_row([1, 2, 3, 5], [3], "general"),
        make_row([1, 2, 6], [2]),
        make_row([1, 2, 3, 4], [3]),
    ]
    pack = build_pack(rows, range(4), groups_of(rows), min_shared=1)
    assert pack.tokens.tolist() == [1, 2, 3, 4, 5, 6]
    assert pack.positions.tolist() == [0, 1, 2, 3, 3, 2]
    assert [(node.start, node.end, node.parent) for node in pack.nodes] == [
        (0, 2, -1), (2, 3, 0), (3, 4, 1), (4, 5, 1), (5, 6, 0),
    ]  # fmt: skip
    assert targets(pack) == [(2, 3, [1, 0]), (3, 4, [2, 0]), (3, 5, [0, 1]), (2, 6, [1, 0])]
    assert pack.subtree_ends().tolist() == [6, 6, 5, 4, 5, 6]
    assert (len(pack), pack.row_tokens) == (6, 15)


def test_a_row_may_be_a_prefix_of_another(make_row: Row) -> None:
    rows = [make_row([1, 2, 3], [2]), make_row([1, 2], [1]), make_row([1, 2, 3, 4], [3])]
    pack = build_pack(rows, range(3), groups_of(rows), min_shared=1)
    assert pack.tokens.tolist() == [1, 2, 3, 4]
    assert targets(pack) == [(1, 2, [1]), (2, 3, [1]), (3, 4, [1])]


def test_short_prefixes_are_not_worth_a_node(make_row: Row) -> None:
    trunk = list(range(30))
    rows = [
        make_row([*trunk, 40, 41, 42], [31]),
        make_row([*trunk, 40, 41, 43], [31]),
        make_row([*trunk, 44], [30]),
    ]
    pack = build_pack(rows, range(3), groups_of(rows))
    assert [node.parent for node in pack.nodes] == [-1, 0, 0, 0]
    assert len(pack) == 30 + 3 + 3 + 1


def test_rows_apart_are_roots_of_their_own(make_row: Row) -> None:
    rows = [make_row([1, 2, 3], [1]), make_row([1, 2, 3], [1])]
    pack = build_pack(rows, range(2), groups_of(rows), share=False)
    assert [node.parent for node in pack.nodes] == [-1, -1]
    assert pack.positions.tolist() == [0, 1, 2, 0, 1, 2]


def test_a_thousand_nested_rows_need_no_recursion(make_row: Row) -> None:
    rows = [make_row(list(range(length)), [length - 1]) for length in range(2, 1_010)]
    pack = build_pack(rows, range(len(rows)), groups_of(rows), min_shared=1)
    assert len(pack) == 1_009
    assert pack.counts.sum() == len(rows)


@settings(deadline=None)
@given(
    data=st.lists(st.lists(st.integers(0, 2), min_size=2, max_size=10), min_size=1, max_size=12),
    min_shared=st.integers(1, 8),
)
def test_every_row_is_a_path(data: list[list[int]], min_shared: int) -> None:
    rows = [
        TokenRow(str(i), "agent", np.array(tokens, np.int32), np.arange(len(tokens)) > 0)
        for i, tokens in enumerate(data)
    ]
    pack = build_pack(rows, range(len(rows)), groups_of(rows), min_shared=min_shared)
    paths: list[list[int]] = []
    for node in pack.nodes:
        above = paths[node.parent] if node.parent >= 0 else []
        paths.append([*above, *pack.tokens[node.start : node.end].tolist()])
    # a row that is a prefix may end inside a node
    assert all(any(path[: len(tokens)] == tokens for path in paths) for tokens in data)
    assert pack.counts.sum() == sum(row.trained_tokens for row in rows)
    ends = pack.subtree_ends()
    for index, node in enumerate(pack.nodes):
        above = set()
        walk = index
        while walk >= 0:
            above |= set(range(pack.nodes[walk].start, pack.nodes[walk].end))
            walk = pack.nodes[walk].parent
        last = node.end - 1
        assert {j for j in range(last + 1) if last < ends[j]} == above


def test_common_prefix() -> None:
    assert common_prefix(np.array([1, 2, 3], np.int32), np.array([1, 2, 4, 5], np.int32)) == 2
    assert common_prefix(np.array([1, 2], np.int32), np.array([1, 2, 4], np.int32)) == 2
