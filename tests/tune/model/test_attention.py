"""The mask of FlexAttention says the same as the blocks on CPU, and what is not supported is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from trajectune.errors import ModelError
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import build_pack
from trajectune.tune.model.attention import attend, flex_mask, layout_of

Rows = Callable[..., list[TokenRow]]


def test_blocks_equal_flex_attention(make_rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    from torch.nn.attention.flex_attention import flex_attention

    monkeypatch.setattr("trajectune.tune.model.attention.QUERY_BLOCK", 5)
    pack = build_pack(rows := make_rows(9), range(9), groups_of(rows), min_shared=1)
    torch.manual_seed(0)
    q = torch.randn(1, 4, len(pack), 8)
    k, v = torch.randn(2, 1, 2, len(pack), 8)
    ours = attend(torch.nn.Module(), q, k, v, None, layout=layout_of(pack))[0]
    theirs = flex_attention(q, k, v, block_mask=flex_mask(pack, "cpu"), enable_gqa=True)
    assert isinstance(theirs, torch.Tensor)
    torch.testing.assert_close(ours, theirs.transpose(1, 2), rtol=1e-5, atol=1e-6)


def test_the_tiles_are_those_of_the_rule(make_rows: Rows) -> None:
    from torch.nn.attention.flex_attention import create_block_mask

    for count, trunk in ((1, 128), (1, 90), (9, 300), (12, 700)):
        pack = build_pack(rows := make_rows(count, trunk=trunk), range(count), groups_of(rows))
        ends = torch.from_numpy(pack.subtree_ends())

        def visible(_: Any, __: Any, i: Any, j: Any, ends: torch.Tensor = ends) -> Any:
            return (j <= i) & (i < ends[j])

        ours = flex_mask(pack, "cpu")
        theirs = create_block_mask(visible, None, None, len(pack), len(pack), device="cpu")
        assert ours.shape == theirs.shape
        for part in ("kv", "full_kv", "q", "full_q"):
            for name in (f"{part}_num_blocks", f"{part}_indices"):
                assert torch.equal(getattr(ours, name), getattr(theirs, name)), name


@pytest.mark.parametrize("width", [8, 32])
def test_small_heads_and_other_scales_on_the_way_to_flex_attention(
    make_rows: Rows, monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    from torch.nn.attention.flex_attention import flex_attention

    monkeypatch.setattr("trajectune.tune.model.attention._flex", lambda: flex_attention)
    pack = build_pack(rows := make_rows(9), range(9), groups_of(rows), min_shared=1)
    blocks = layout_of(pack)
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, heads, len(pack), width) for heads in (4, 2, 2))
    ours, theirs = (
        attend(torch.nn.Module(), q, k, v, None, layout=layout, scaling=0.2)[0]
        for layout in (replace(blocks, mask=flex_mask(pack, "cpu")), blocks)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)


def test_pairs_are_those_that_see_each_other(make_rows: Rows) -> None:
    pack = build_pack(rows := make_rows(9), range(9), groups_of(rows), min_shared=1)
    index, ends = np.arange(len(pack)), pack.subtree_ends()
    seen = (index[None, :] <= index[:, None]) & (index[:, None] < ends[None, :])
    assert layout_of(pack).pairs == seen.sum()


def test_a_window_shorter_than_the_rows_is_refused(make_rows: Rows) -> None:
    layout = layout_of(build_pack(rows := make_rows(2), range(2), groups_of(rows)))
    q = torch.zeros(1, 1, 1, 4)
    with pytest.raises(ModelError, match="window"):
        attend(torch.nn.Module(), q, q, q, None, layout=layout, sliding_window=4)
