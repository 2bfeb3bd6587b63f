"""Which rows go together."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.packing import choose_packs, pack_rows, split_among
from trajectune.tune.data.rows import TokenRow

Row = Callable[..., TokenRow]
Rows = Callable[..., list[TokenRow]]


def of_length(length: int, first: int) -> TokenRow:
    return TokenRow("", "agent", np.arange(first, first + length, dtype=np.int32), np.arange(length) > 0)


@settings(deadline=None)
@given(st.lists(st.integers(2, 40), min_size=1, max_size=30), st.integers(1, 60), st.booleans())
def test_every_row_once_and_no_pack_too_large(lengths: list[int], limit: int, share: bool) -> None:
    rows = [of_length(length, first=i % 3) for i, length in enumerate(lengths)]
    packs = choose_packs(rows, range(len(rows)), limit, share=share)
    assert sorted(index for pack in packs for index in pack) == list(range(len(rows)))
    for pack in pack_rows(rows, range(len(rows)), groups_of(rows), limit, share=False):
        assert len(pack) <= limit or len(pack.rows) == 1


def test_best_fit_decreasing() -> None:
    rows = [of_length(length, first=100 * i) for i, length in enumerate([6, 5, 4, 3, 2])]
    packs = choose_packs(rows, range(5), 10)
    assert sorted(sorted(len(rows[i]) for i in pack) for pack in packs) == [[2, 3, 5], [4, 6]]


def test_rows_go_to_their_family(make_row: Row) -> None:
    families = [[[*range(f, f + 20), 90 + i] for i in range(3)] for f in (0, 30)]
    rows = [make_row(tokens, [20]) for pair in zip(*families, strict=True) for tokens in pair]
    packs = choose_packs(rows, range(6), 25)
    assert sorted(map(sorted, packs)) == [[0, 2, 4], [1, 3, 5]]


def test_the_limit_counts_unique_tokens(make_row: Row) -> None:
    rows = [make_row([*range(50), 60 + i], [50]) for i in range(10)]
    assert len(pack_rows(rows, range(10), groups_of(rows), 64)) == 1
    assert len(pack_rows(rows, range(10), groups_of(rows), 64, share=False)) == 10


def test_processes_get_equal_loads(make_rows: Rows) -> None:
    packs = pack_rows(rows := make_rows(20), range(len(rows)), groups_of(rows), 40)
    parts = split_among(packs, 3)
    loads = [sum(map(len, part)) for part in parts]
    assert sum(loads) == sum(map(len, packs))
    assert max(loads) - min(loads) <= max(map(len, packs))


@settings(deadline=None)
@given(
    lengths=st.lists(st.tuples(st.integers(0, 40), st.integers(1, 30)), min_size=1, max_size=14),
    limit=st.integers(20, 90),
    share=st.booleans(),
)
def test_what_is_computed_stays_within_the_limit(
    lengths: list[tuple[int, int]], limit: int, share: bool
) -> None:
    """Prefixes of every length: also those that are too short for a node of their own."""
    rows = []
    for number, (shared, own) in enumerate(lengths):
        tokens = np.array([*range(shared), *range(100 + 40 * number, 100 + 40 * number + own), 7], np.int32)
        rows.append(TokenRow(str(number), "agent", tokens, np.arange(len(tokens)) > 0))
    packs = pack_rows(rows, range(len(rows)), groups_of(rows), limit, share=share)
    assert sorted(index for pack in packs for index in pack.rows) == list(range(len(rows)))
    for pack in packs:
        assert len(pack) <= limit or len(pack.rows) == 1
        assert len(pack) <= pack.row_tokens
    again = pack_rows(rows, range(len(rows)), groups_of(rows), limit, share=share)
    assert [pack.rows for pack in again] == [pack.rows for pack in packs]


@given(sizes=st.lists(st.integers(2, 30), min_size=1, max_size=12), processes=st.integers(1, 5))
def test_packs_are_dealt_out_once_and_evenly(sizes: list[int], processes: int) -> None:
    rows = [of_length(size, first=100 * number) for number, size in enumerate(sizes)]
    packs = pack_rows(rows, range(len(rows)), groups_of(rows), 1)
    parts = split_among(packs, processes)
    assert len(parts) == processes
    dealt = sorted(row for part in parts for pack in part for row in pack.rows)
    assert dealt == list(range(len(rows)))
    loads = [sum(map(len, part)) for part in parts]
    for part, load in zip(parts, loads, strict=True):
        # Nobody has more than the least loaded one, but for the last pack that it was given.
        assert not part or load - len(part[-1]) <= min(loads)
