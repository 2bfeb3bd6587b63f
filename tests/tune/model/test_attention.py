"""Tree attention equals dense attention under its rule, on CPU and on the way to FlexAttention."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from trajectune.errors import ModelError
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import Pack, build_pack
from trajectune.tune.model.attention import attend
from trajectune.tune.model.flex import flex_mask
from trajectune.tune.model.layout import Layout, layout_of

Rows = Callable[..., list[TokenRow]]
WINDOWS = [None, 1, 4, 13, 1_000]


def pack_of(rows: list[TokenRow]) -> Pack:
    return build_pack(rows, range(len(rows)), groups_of(rows), min_shared=1)


def rule(pack: Pack, window: int | None) -> Tensor:
    """Who sees whom, by definition: ancestors and oneself, as far back as the window reaches."""
    place, ends = np.arange(len(pack)), pack.subtree_ends()
    seen = (place[None, :] <= place[:, None]) & (place[:, None] < ends[None, :])
    if window is not None:
        seen &= pack.positions[:, None] - pack.positions[None, :] < window
    return torch.from_numpy(seen)


def dense(query: Tensor, key: Tensor, value: Tensor, seen: Tensor, softcap: float | None) -> Tensor:
    ratio = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(ratio, 1), value.repeat_interleave(ratio, 1)
    scores = query @ key.transpose(2, 3) * query.shape[-1] ** -0.5
    if softcap is not None:
        scores = softcap * torch.tanh(scores / softcap)
    return (scores.masked_fill(~seen, -torch.inf).softmax(-1) @ value).transpose(1, 2)


def parts(pack: Pack, width: int = 8, *, learnt: bool = False) -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(0)
    query, key, value = (
        torch.randn(1, heads, len(pack), width, requires_grad=learnt) for heads in (4, 2, 2)
    )
    return query, key, value


@pytest.mark.parametrize("block", [1, 5, 256])
@pytest.mark.parametrize("softcap", [None, 1.5])
@pytest.mark.parametrize("window", WINDOWS)
def test_blocks_equal_the_rule_there_and_back(
    make_rows: Rows, monkeypatch: pytest.MonkeyPatch, block: int, softcap: float | None, window: int | None
) -> None:
    monkeypatch.setattr("trajectune.tune.model.layout.QUERY_BLOCK", block)
    pack = pack_of(make_rows(9))
    given = parts(pack, learnt=True)
    ours, _ = attend(
        torch.nn.Module(), *given, None, layout=layout_of(pack), sliding_window=window, softcap=softcap
    )
    theirs = dense(*given, rule(pack, window), softcap)
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-6)
    back = torch.randn_like(ours)
    found, wanted = (torch.autograd.grad(output, given, back) for output in (ours, theirs))
    for one, other in zip(found, wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("width", [8, 32])
@pytest.mark.parametrize("softcap", [None, 1.5])
@pytest.mark.parametrize("window", WINDOWS)
def test_flex_attention_is_asked_for_the_same(
    make_rows: Rows, monkeypatch: pytest.MonkeyPatch, width: int, softcap: float | None, window: int | None
) -> None:
    from torch.nn.attention.flex_attention import flex_attention

    monkeypatch.setattr("trajectune.tune.model.flex._flex", lambda: flex_attention)
    pack = pack_of(make_rows(12, trunk=200))
    given = parts(pack, width)
    kept: dict[str, Any] = {"scaling": 0.2, "sliding_window": window, "softcap": softcap}
    ours, theirs = (
        attend(torch.nn.Module(), *given, None, layout=Layout(pack, flex=flex), **kept)[0]
        for flex in (True, False)
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("window", [None, 100, 150, 300])
def test_the_tiles_are_those_of_the_rule(make_rows: Rows, window: int | None) -> None:
    for count, trunk in ((1, 128), (1, 90), (9, 300), (12, 700)):
        pack = pack_of(make_rows(count, trunk=trunk))
        tiles = -(-len(pack) // 128)
        seen = torch.zeros(tiles * 128, tiles * 128, dtype=torch.bool)
        seen[: len(pack), : len(pack)] = rule(pack, window)
        in_tiles = seen.view(tiles, 128, tiles, 128).transpose(1, 2).flatten(2)
        mask = flex_mask(pack, "cpu", window)
        partial, full = (
            chosen(getattr(mask, f"{part}_num_blocks"), getattr(mask, f"{part}_indices"))
            for part in ("kv", "full_kv")
        )
        last = tiles - 1  # its tail is padding
        assert torch.equal(full[:last], in_tiles.all(-1)[:last])
        assert not (full & ~in_tiles.any(-1)).any()
        assert not (in_tiles.any(-1) & ~(partial | full)).any(), "a tile that is seen is left out"
        if window is None:
            assert torch.equal((partial | full)[:last], in_tiles.any(-1)[:last])


def chosen(counts: Tensor, columns: Tensor) -> Tensor:
    """[Q, K]: which tiles a block mask names."""
    found = torch.zeros(columns.shape[2:], dtype=torch.bool)
    for row, count in enumerate(counts[0, 0].tolist()):
        found[row, columns[0, 0, row, :count].long()] = True
    return found


@pytest.mark.parametrize("window", WINDOWS)
def test_pairs_are_those_that_see_each_other(make_rows: Rows, window: int | None) -> None:
    pack = pack_of(make_rows(9))
    assert layout_of(pack).pairs(window) == rule(pack, window).sum()


def test_a_window_saves_work(make_rows: Rows, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trajectune.tune.model.layout.QUERY_BLOCK", 16)
    layout = layout_of(pack_of(make_rows(3, trunk=400)))
    assert max(block.length for block in layout.blocks(32)) == 32 - 1 + 16
    assert layout.blocks(32) is layout.blocks(32)
    assert layout.blocks(10_000) is layout.blocks(None)


def test_sinks_are_refused(make_rows: Rows) -> None:
    pack = pack_of(make_rows(2))
    with pytest.raises(ModelError, match="sinks"):
        attend(torch.nn.Module(), *parts(pack), None, layout=layout_of(pack), s_aux=torch.zeros(4))
