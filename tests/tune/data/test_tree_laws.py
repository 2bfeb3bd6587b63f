"""A pack is its rows: every trained token of every row, behind its own prefix, counted once."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.tune.data.groups import Group, columns_of, groups_of, sources_of
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import Pack, build_pack, sort_rows

SOURCES = ["agent", "general", "other"]


@st.composite
def row(draw: st.DrawFn) -> TokenRow:
    """A short row over few tokens, so that prefixes are shared often."""
    tokens = draw(st.lists(st.integers(0, 1), min_size=2, max_size=9))
    trained = np.array([False, *(draw(st.booleans()) for _ in tokens[1:])])
    trained[draw(st.integers(1, len(tokens) - 1))] = True
    labels = np.array([draw(st.integers(0, 3)) for _ in tokens], np.uint8) * trained
    name = draw(st.sampled_from(SOURCES))
    return TokenRow("", name, np.array(tokens, np.int32), trained, 0, labels.astype(np.uint8))


ROWS = st.lists(row(), min_size=1, max_size=9)
Target = tuple[tuple[int, ...], int, Group]


def wanted(rows: list[TokenRow]) -> Counter[Target]:
    """(what stands before, the token, source and label) of every trained token."""
    return Counter(
        (
            tuple(row.tokens[:place].tolist()),
            int(row.tokens[place]),
            Group(row.source, int(row.labels[place])),
        )
        for row in rows
        for place in np.flatnonzero(row.trained).tolist()
    )


def found(pack: Pack, groups: list[Group]) -> Counter[Target]:
    """The same, read off a pack."""
    paths: list[tuple[int, ...]] = []
    behind: dict[int, tuple[int, ...]] = {}
    for node in pack.nodes:
        above = paths[node.parent] if node.parent >= 0 else ()
        for place in range(node.start, node.end):
            above = (*above, int(pack.tokens[place]))
            behind[place] = above
            assert pack.positions[place] == len(above) - 1
        paths.append(above)
    total: Counter[Target] = Counter()
    for before, token, counts in zip(pack.predecessors, pack.labels, pack.counts, strict=True):
        for group, count in zip(groups, counts, strict=True):
            total[behind[int(before)], int(token), group] += int(count)
    return +total


@settings(max_examples=150, deadline=None)
@given(rows=ROWS, share=st.booleans(), min_shared=st.integers(1, 6))
def test_a_pack_trains_what_its_rows_train(rows: list[TokenRow], share: bool, min_shared: int) -> None:
    groups = groups_of(rows)
    pack = build_pack(rows, range(len(rows)), groups, share=share, min_shared=min_shared)
    assert found(pack, groups) == wanted(rows)
    assert pack.counts.any(axis=1).all(), "a target that nobody trains costs for nothing"
    assert pack.row_tokens == sum(map(len, rows))
    assert sorted(pack.rows) == list(range(len(rows)))


@settings(max_examples=60, deadline=None)
@given(ROWS)
def test_with_every_prefix_shared_each_is_computed_once(rows: list[TokenRow]) -> None:
    pack = build_pack(rows, range(len(rows)), groups_of(rows), min_shared=1)
    prefixes = {tuple(row.tokens[: end + 1].tolist()) for row in rows for end in range(len(row))}
    assert len(pack) == len(prefixes)


@given(ROWS)
def test_rows_that_share_a_prefix_are_neighbours(rows: list[TokenRow]) -> None:
    order = [rows[index].tokens.tolist() for index in sort_rows(rows, range(len(rows)))]
    assert order == sorted(row.tokens.tolist() for row in rows)


@given(ROWS)
def test_groups_are_those_of_trained_tokens_and_find_their_columns(rows: list[TokenRow]) -> None:
    groups, columns = groups_of(rows), columns_of(groups_of(rows))
    assert groups == sorted(set(groups))
    assert {(group.source, group.label) for group in groups} == {
        (row.source, int(label)) for row in rows for label in row.labels[row.trained]
    }
    assert sources_of(groups) == sorted({row.source for row in rows})
    for place, group in enumerate(groups):
        assert columns[group.source][group.label] == place


@pytest.mark.parametrize(
    ("tokens", "trained", "labels", "said"),
    [
        ([1, 2], [True, False], None, "some token but the first"),
        ([1, 2], [True, True], None, "some token but the first"),
        ([1, 2], [False, False], None, "some token but the first"),
        ([1, 2], [False, True, True], None, "equal length"),
        ([1, 2], [False, True], [1, 2, 3], "equal length"),
        ([[1, 2]], [[False, True]], None, "equal length"),
    ],
)
def test_rows_that_nothing_could_be_learned_from_are_refused(
    tokens: list[int], trained: list[bool], labels: list[int] | None, said: str
) -> None:
    options = {} if labels is None else {"labels": np.array(labels, np.uint8)}
    with pytest.raises(ValueError, match=f"row name: .*{said}"):
        TokenRow("name", "agent", np.array(tokens, np.int32), np.array(trained), 0, **options)
