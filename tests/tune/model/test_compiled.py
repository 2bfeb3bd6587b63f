"""Compiled layers: the same loss and gradient, one compilation for all packs, a clear word without g++."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch._dynamo.utils import counters

from support.families import FAMILIES, WINDOW
from support.tuning import GROUPS, assert_same, packed
from trajectune.errors import RecipeError
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.model import compiled
from trajectune.tune.model.compiled import compile_layers
from trajectune.tune.model.head import parts_of
from trajectune.tune.model.trainable import checkpoint_activations, load_trainable
from trajectune.tune.settings import LoraSettings, TuneSettings

Rows = Callable[..., list[TokenRow]]


@pytest.fixture(autouse=True)
def graphs_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything but the last step, which writes C++: the same graphs, run by PyTorch."""
    torch.compiler.reset()
    counters.clear()
    monkeypatch.setattr(compiled, "_BACKEND", "aot_eager")


@pytest.mark.parametrize("name", ["llama-3", "gemma2", "qwen3-moe"])
@pytest.mark.parametrize("lora", [None, LoraSettings(rank=2)])
def test_loss_and_gradient_are_the_same(
    name: str, lora: LoraSettings | None, make_rows: Rows, tmp_path: Path
) -> None:
    rows = make_rows(6, trunk=WINDOW + 6, sources=("agent", "general"))
    packs = pack_rows(rows, range(len(rows)), GROUPS, 100)
    base = FAMILIES[name].write(tmp_path / "base")
    found: list[Any] = [
        packed(load_trainable(base, TuneSettings(lora=lora, compile=each), "fp32", "cpu").whole, packs)
        for each in (True, False)
    ]
    assert counters["stats"]["unique_graphs"] > 0
    assert_same(*found)


def test_packs_of_other_sizes_compile_nothing_new(make_model: Callable[..., Any], make_rows: Rows) -> None:
    model, rows = make_model(), make_rows(12)
    compile_layers(parts_of(model)[0], "cpu")
    packed(model, pack_rows(rows, range(3), GROUPS, 1_000))
    first = counters["stats"]["unique_graphs"]
    packed(model, pack_rows(rows, range(12), GROUPS, 30))
    assert counters["stats"]["unique_graphs"] == first > 0


def test_recomputed_activations_too(make_model: Callable[..., Any], make_rows: Rows) -> None:
    packs = pack_rows(rows := make_rows(6), range(len(rows)), GROUPS, 100)
    plain, both = make_model(), make_model()
    checkpoint_activations(both)
    compile_layers(parts_of(both)[0], "cpu")
    assert_same(packed(both, packs), packed(plain, packs))


def test_without_a_compiler_the_remedy_is_named(
    make_model: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(RecipeError, match=r"needs a C\+\+ compiler") as caught:
        compile_layers(parts_of(make_model())[0], "cpu")
    assert "g++" in caught.value.remedy
    with pytest.raises(RecipeError, match="on CPU only"):
        compile_layers(parts_of(make_model())[0], "cuda")
