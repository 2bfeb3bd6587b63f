"""Every family can be tuned: in any packing, whole or with adapters, loss and gradient are its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from support.families import FAMILIES, WINDOW
from support.tuning import GROUPS, Found, assert_same, packed, row_by_row
from trajectune.errors import ModelError, RecipeError
from trajectune.models.loading import load_model
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.model.lora import add_adapters
from trajectune.tune.model.trainable import load_trainable
from trajectune.tune.settings import LoraSettings, TuneSettings

Rows = Callable[..., list[TokenRow]]


@pytest.mark.parametrize("name", FAMILIES)
def test_any_packing_equals_transformers_row_by_row(
    name: str, make_rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trajectune.tune.model.layout.QUERY_BLOCK", 10)
    rows = make_rows(8, trunk=WINDOW + 6, sources=("agent", "general"))
    assert min(map(len, rows)) > WINDOW
    model = FAMILIES[name].network()
    wanted = row_by_row(model, rows)
    for pack_tokens, share in ((1, False), (100, False), (10_000, True)):
        packs = pack_rows(rows, range(len(rows)), GROUPS, pack_tokens, share=share)
        assert_same(packed(model, packs), wanted)


@pytest.mark.parametrize("name", FAMILIES)
def test_adapters_too_and_they_load_as_they_were_trained(
    name: str, make_rows: Rows, tmp_path: Path
) -> None:
    rows = make_rows(4, trunk=WINDOW + 6, sources=("agent", "general"))
    base = FAMILIES[name].write(tmp_path / "base")
    settings = TuneSettings(lora=LoraSettings(rank=2, alpha=8))
    adapted: Any = load_trainable(base, settings, "fp32", "cpu").whole.eval()
    for key, parameter in adapted.named_parameters():
        if "lora_B" in key:
            torch.nn.init.normal_(parameter, std=0.1)
    packs = pack_rows(rows, range(len(rows)), GROUPS, 10_000)
    found, wanted = packed(adapted, packs), row_by_row(adapted, rows)
    assert_same(found, wanted)
    adapted.save_pretrained(tmp_path / "adapters")
    loaded = load_model(str(tmp_path / "adapters"), "float32", "cpu")
    tokens = torch.from_numpy(rows[0].tokens).long()[None]
    with torch.inference_mode():
        torch.testing.assert_close(loaded.model(tokens).logits, adapted(tokens).logits, rtol=0, atol=1e-3)


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("phi3", {"qkv_proj", "o_proj", "gate_up_proj", "down_proj"}),
        ("gpt-neox", {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"}),
        ("qwen3-moe", {"q_proj", "k_proj", "v_proj", "o_proj", "experts"}),
        (
            "qwen2-moe",
            {"q_proj", "k_proj", "v_proj", "o_proj", "experts", "shared_expert_gate"}
            | {"gate_proj", "up_proj", "down_proj"},
        ),
    ],
)
def test_what_is_adapted(name: str, layers: set[str]) -> None:
    adapted = add_adapters(FAMILIES[name].network(), LoraSettings(rank=2), name)
    trained = [key for key, parameter in adapted.named_parameters() if parameter.requires_grad]
    owners = {key.partition(".lora_")[0].removesuffix(".base_layer").rpartition(".")[2] for key in trained}
    assert owners == layers
    assert all(".layers." in key for key in trained)


def test_experts_are_adapted_each_by_itself() -> None:
    adapted = add_adapters(FAMILIES["qwen3-moe"].network(layers=2), LoraSettings(rank=2), "")
    shapes = {
        key.partition(".mlp.")[2]: tuple(parameter.shape)
        for key, parameter in adapted.named_parameters()
        if parameter.requires_grad and ".0.mlp." in key
    }
    assert shapes == {
        "experts.base_layer.lora_A.default.weight": (4 * 2, 48),
        "experts.base_layer.lora_B.default.weight": (64, 4 * 2),
        "experts.lora_A.default.weight": (4 * 2, 32),
        "experts.lora_B.default.weight": (48, 4 * 2),
    }


@pytest.mark.parametrize(
    "modules", [["q_proj", "k_prj"], ["lm_head"], ["embed_tokens"], "layers.*nothing", "("]
)
def test_names_that_no_layer_has_are_refused(modules: str | list[str]) -> None:
    with pytest.raises((ModelError, RecipeError), match=r"k_prj|lm_head|embed_tokens|nothing|no pattern"):
        add_adapters(FAMILIES["llama-3"].network(), LoraSettings(modules=modules), "")


def test_dropout_of_experts_is_refused_by_name() -> None:
    model = FAMILIES["qwen3-moe"].network()
    with pytest.raises(RecipeError, match="experts"):
        add_adapters(model, LoraSettings(dropout=0.1), "")
    add_adapters(model, LoraSettings(dropout=0.1, modules=["q_proj", "v_proj"]), "")


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("lora", [None, LoraSettings(rank=2)])
def test_frozen_layers_and_recomputed_activations(
    name: str, lora: LoraSettings | None, make_rows: Rows, tmp_path: Path
) -> None:
    rows = make_rows(4, trunk=WINDOW + 6, sources=("agent", "general"))
    base = FAMILIES[name].write(tmp_path / "base")
    packs = pack_rows(rows, range(len(rows)), GROUPS, 10_000)

    def found(**changes: Any) -> Found:
        trainable = load_trainable(base, TuneSettings(lora=lora, **changes), "fp32", "cpu")
        return packed(trainable.whole, packs)

    plain, frozen = found(), found(freeze_layers=1)
    assert_same(found(checkpoint_activations=True), plain)
    assert frozen[0] == pytest.approx(plain[0], rel=1e-6)
    assert frozen[1]
    assert not any(".layers.0." in key or "embed" in key for key in frozen[1])
    if lora is None:  # adapters of other layers begin with other numbers where some layers have none
        assert_same(frozen, (plain[0], {key: plain[1][key] for key in frozen[1]}))


def test_a_models_own_dropout_is_off_and_that_is_said(
    make_rows: Rows, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = make_rows(4, sources=("agent", "general"))
    family = FAMILIES["gpt-neox"]
    noisy = replace(family, more={**family.more, "attention_dropout": 0.5, "hidden_dropout": 0.5})
    packs = pack_rows(rows, range(len(rows)), GROUPS, 10_000)
    trainable = load_trainable(noisy.write(tmp_path / "noisy"), TuneSettings(), "fp32", "cpu")
    assert_same(packed(trainable.whole, packs), row_by_row(family.network(), rows))
    assert [record.message for record in caplog.records if "dropout" in record.message] == [
        f"{tmp_path / 'noisy'}: the dropout that the model's configuration asks for is off while tuning"
    ]
