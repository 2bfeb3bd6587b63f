"""The mask of FlexAttention says the same as the blocks on CPU, and what is not supported is refused."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from trajectune.errors import ModelError
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import build_pack
from trajectune.tune.model.attention import attend, flex_mask, layout_of
from trajectune.tune.model.loss import group_weights
from trajectune.tune.model.trainable import TrainableModel

Rows = Callable[..., list[TokenRow]]
Models = Callable[..., PreTrainedModel]


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


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_cuda_equals_cpu(make_model: Models, make_rows: Rows) -> None:
    pack = build_pack(rows := make_rows(9), range(9), groups_of(rows), min_shared=1)
    found = []
    for device in ("cpu", "cuda"):
        model = make_model("llama").to(device)  # pyright: ignore[reportArgumentType]
        weights = group_weights(np.array([10.0]), groups_of(rows), {"agent": 1.0})
        sums = TrainableModel(model).accumulate([pack], weights)
        found.append((sums, {n: p.grad.cpu() for n, p in model.named_parameters() if p.grad is not None}))
    assert found[0][0] == pytest.approx(found[1][0], rel=1e-4)
    for name, gradient in found[0][1].items():
        assert torch.dist(gradient, found[1][1][name]) <= 1e-3 * gradient.norm() + 1e-7, name
