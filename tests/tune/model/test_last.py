"""The last layer at targets only: the same states, loss and gradient, and less that is computed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from support.families import FAMILIES, WINDOW
from support.tuning import GROUPS, assert_same, packed
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.model.head import parts_of
from trajectune.tune.model.last import end_at_targets
from trajectune.tune.model.trainable import checkpoint_activations

Rows = Callable[..., list[TokenRow]]
SHORT = {
    name for name in FAMILIES if FAMILIES[name].kind in {"Llama", "Mistral", "Qwen2", "Qwen3", "SmolLM3"}
}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("again", [False, True])
def test_it_changes_neither_loss_nor_gradient(name: str, again: bool, make_rows: Rows) -> None:
    rows = make_rows(6, trunk=WINDOW + 6, sources=("agent", "general"))
    packs = pack_rows(rows, range(len(rows)), GROUPS, 100)
    whole, short = FAMILIES[name].network(), FAMILIES[name].network()
    if again:
        checkpoint_activations(short)
    assert_same(packed(short, packs, short=True), packed(whole, packs, short=False))


def test_these_families_have_it() -> None:
    assert {name for name in FAMILIES if end_at_targets(parts_of(FAMILIES[name].network())[0])} == SHORT


def test_the_mlp_of_the_last_layer_meets_targets_only(
    make_model: Callable[..., Any], make_rows: Rows
) -> None:
    rows, seen = make_rows(6), []
    packs = pack_rows(rows, range(len(rows)), GROUPS, 10_000)
    model = make_model()
    for layer in model.model.layers:
        layer.mlp.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0].shape[1]))
    packed(model, packs)
    assert seen == [len(packs[0]), len(packs[0].labels)]
    packed(model, packs)
    assert seen[2:] == seen[:2], "made ready twice, it is the same"


def test_without_a_layout_the_layer_is_plain(make_model: Callable[..., Any]) -> None:
    model, tokens = make_model(), torch.arange(9)[None]
    model.set_attn_implementation("eager")
    wanted = model(tokens).logits
    assert end_at_targets(parts_of(model)[0])
    torch.testing.assert_close(model(tokens).logits, wanted, rtol=0, atol=0)
