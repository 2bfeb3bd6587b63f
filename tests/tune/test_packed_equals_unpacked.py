"""The law of the trainer: however rows are packed, shared or split, loss and gradient are the same."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from transformers import PreTrainedModel

from support.tuning import GROUPS, SHARES, SOURCES, assert_same, packed, row_by_row
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import build_pack
from trajectune.tune.model import attention
from trajectune.tune.model.loss import group_weights
from trajectune.tune.model.trainable import TrainableModel, checkpoint_activations

Rows = Callable[..., list[TokenRow]]
Row = Callable[..., TokenRow]
Models = Callable[..., PreTrainedModel]


@pytest.mark.parametrize("pack_tokens", [1, 30, 64, 10_000])
@pytest.mark.parametrize("share", [False, True])
def test_any_packing_equals_row_by_row(
    model: PreTrainedModel, make_rows: Rows, pack_tokens: int, share: bool
) -> None:
    rows = make_rows(10, sources=("agent", "general"))
    packs = pack_rows(rows, range(len(rows)), GROUPS, pack_tokens, share=share)
    assert_same(packed(model, packs), row_by_row(model, rows))


@st.composite
def forests(draw: st.DrawFn) -> list[TokenRow]:
    """Rows over two letters: deep and ragged trees, equal rows, rows that are prefixes of others."""
    rows = []
    for index in range(draw(st.integers(1, 8))):
        tokens = draw(st.lists(st.integers(0, 1), min_size=2, max_size=12))
        trained = draw(st.sets(st.integers(1, len(tokens) - 1), min_size=1))
        mask = np.isin(np.arange(len(tokens)), list(trained))
        source = draw(st.sampled_from(SOURCES))
        rows.append(TokenRow(str(index), source, np.array(tokens, dtype=np.int32), mask))
    return rows


@settings(max_examples=40, deadline=None)
@given(rows=forests(), min_shared=st.integers(1, 6))
def test_any_tree_equals_row_by_row(make_model: Models, rows: list[TokenRow], min_shared: int) -> None:
    model = make_model()
    pack = build_pack(rows, range(len(rows)), GROUPS, min_shared=min_shared)
    assert_same(packed(model, [pack]), row_by_row(model, rows))


@settings(max_examples=20, deadline=None)
@given(cuts=st.sets(st.integers(1, 9), max_size=4))
def test_any_split_into_packs_gives_the_same_gradient(
    make_model: Models, make_rows: Rows, cuts: set[int]
) -> None:
    model, rows = make_model(), make_rows(10, sources=("agent", "general"))
    edges = [0, *sorted(cuts), 10]
    packs = [build_pack(rows, range(a, b), GROUPS) for a, b in pairwise(edges)]
    assert_same(packed(model, packs), packed(model, [build_pack(rows, range(10), GROUPS)]))


def test_long_nodes_are_worked_off_in_blocks(
    model: PreTrainedModel, make_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trajectune.tune.model.layout.QUERY_BLOCK", 3)
    rows = make_rows(6)
    packs = [build_pack(rows, range(6), GROUPS, min_shared=1)]
    assert_same(packed(model, packs), row_by_row(model, rows))


def test_a_neighbour_changes_nothing(model: PreTrainedModel, make_row: Row) -> None:
    kept = make_row([1, 2, 3, 4, 5], [3, 4])

    def losses_beside(neighbour: TokenRow) -> Tensor:
        pack = build_pack([neighbour, kept], [0, 1], GROUPS)
        mine = pack.labels >= 4  # only the kept row has these
        return TrainableModel(model).loss(pack, group_weights(np.ones(2), GROUPS, SHARES))[1][
            torch.from_numpy(mine)
        ]

    first = losses_beside(make_row([1, 2, 9 % 4, 0, 0, 3], [5]))
    second = losses_beside(make_row([1, 0, 0, 2, 3, 0, 1], [3]))
    torch.testing.assert_close(first, second, rtol=0, atol=1e-6)


def test_activation_checkpointing_changes_nothing(make_model: Models, make_rows: Rows) -> None:
    packs = pack_rows(rows := make_rows(6), range(len(rows)), GROUPS, 100)
    plain, checkpointed = make_model(), make_model()
    checkpoint_activations(checkpointed)
    assert_same(packed(checkpointed, packs), packed(plain, packs))


def test_bf16_is_close_to_fp32(make_model: Models, make_rows: Rows) -> None:
    packs = pack_rows(rows := make_rows(10), range(len(rows)), GROUPS, 100)
    exact = packed(make_model(), packs)[0]
    assert packed(make_model(dtype=torch.bfloat16), packs)[0] == pytest.approx(exact, rel=1e-2)


def test_probabilities_that_are_kept_change_no_bit(
    make_model: Models, make_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trajectune.tune.model.layout.QUERY_BLOCK", 7)
    packs = pack_rows(rows := make_rows(10), range(len(rows)), GROUPS, 100)
    for dtype in (torch.float32, torch.bfloat16):
        kept, made_again = (packed(make_model(dtype=dtype), packs, keep=keep) for keep in (True, False))
        assert kept[0] == made_again[0]
        assert all(torch.equal(kept[1][name], found) for name, found in made_again[1].items())


def test_kept_probabilities_are_not_made_again(
    make_model: Models, make_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    plain = attention._probabilities
    monkeypatch.setattr(attention, "_probabilities", lambda *given: calls.append(1) or plain(*given))
    packs = pack_rows(rows := make_rows(6), range(len(rows)), GROUPS, 100)
    packed(make_model(), packs, keep=True)
    once = len(calls)
    packed(make_model(), packs, keep=False)
    assert len(calls) == 3 * once
