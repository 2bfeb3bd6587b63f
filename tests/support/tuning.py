"""Loss and gradient of rows: by the definition, one row at a time, and as the trainer computes them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor
from transformers import PreTrainedModel

from trajectune.tune.data.groups import Group
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.data.tree import Pack
from trajectune.tune.model.attention import ATTENTION
from trajectune.tune.model.loss import group_weights
from trajectune.tune.model.trainable import TrainableModel

SHARES = {"agent": 0.2, "general": 0.8}
SOURCES = ["agent", "general"]
GROUPS = [Group(source, 0) for source in SOURCES]
Found = tuple[float, dict[str, Tensor]]


def row_by_row(model: PreTrainedModel, rows: Sequence[TokenRow]) -> Found:
    """Loss and gradient by the definition, with transformers' own eager attention, one row at a time."""
    model.set_attn_implementation("eager")
    counts = {source: sum(r.trained_tokens for r in rows if r.source == source) for source in SOURCES}
    present = sum(SHARES[source] for source in SOURCES if counts[source])
    total = torch.zeros(())
    for row in rows:
        tokens, trained = torch.from_numpy(row.tokens).long(), torch.from_numpy(row.trained[1:])
        logits = model(input_ids=tokens[None]).logits[0, :-1]
        loss = torch.nn.functional.cross_entropy(logits[trained], tokens[1:][trained], reduction="sum")
        total = total + SHARES[row.source] / present / counts[row.source] * loss
    total.backward()
    return float(total.detach()), gradients(model)


def gradients(model: PreTrainedModel) -> dict[str, Tensor]:
    taken = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return taken


def packed(
    model: PreTrainedModel, packs: Sequence[Pack], *, keep: bool = False, short: bool = True
) -> Found:
    """`keep` and `short` are the trainer's ways to save time."""
    model.set_attn_implementation(ATTENTION)
    counts = sum((p.counts.sum(axis=0, dtype=np.float64) for p in packs), np.zeros(2))
    weights = group_weights(counts, GROUPS, SHARES)
    trainable = TrainableModel(model)
    trainable.keep, trainable.short = keep, short
    sums = trainable.accumulate(packs, weights)
    return weights.total(sums), gradients(model)


def assert_same(a: Found, b: Found) -> None:
    assert a[0] == pytest.approx(b[0], rel=1e-5)
    assert a[1].keys() == b[1].keys()
    for name, gradient in a[1].items():
        assert torch.dist(gradient, b[1][name]) <= 1e-5 * b[1][name].norm() + 1e-8, name
