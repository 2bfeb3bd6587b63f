"""Cutting layers: which ones stay, and that nothing else changes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from support.families import FAMILIES, WINDOW
from trajectune.errors import ModelError
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel, load_model
from trajectune.models.shrink import check_shrinkable, cut_config, kept_layers, layer_influences, shrink
from trajectune.models.tiny import write_tiny_model
from trajectune.tune.model.layout import windows_of

TEXTS = [[5, 9, 3, 17, 4], [8, 8, 20]]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=80), st.data())
def test_the_ends_and_the_most_influential_stay(influences: list[float], data: st.DataObject) -> None:
    count = len(influences)
    keep = data.draw(st.integers(2, count))
    kept = kept_layers(influences, keep)
    assert (kept[0], kept[-1], len(set(kept))) == (0, count - 1, keep)
    assert kept == sorted(kept)
    inner = [influences[number] for number in kept[1:-1]]
    gone = [influences[number] for number in range(count) if number not in kept]
    assert not inner or not gone or min(inner) >= max(gone)


@pytest.mark.parametrize("keep", [0, 1, 5])
def test_impossible_numbers_are_refused(keep: int) -> None:
    with pytest.raises(ModelError, match="cannot be kept of 4"):
        kept_layers([0.5] * 4, keep)


@pytest.fixture
def deep(tmp_path: Path) -> Path:
    """The tiny model's tokenizer with five different layers."""
    folder = write_tiny_model(tmp_path / "deep")
    tokenizer = load_model(str(folder), "float32", "cpu").tokenizer
    torch.manual_seed(0)
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, intermediate_size=48, num_hidden_layers=5,
            num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=128,
        )
    )  # fmt: skip
    model.save_pretrained(folder)
    return folder


def test_a_layer_that_changes_nothing_has_no_influence(deep: Path) -> None:
    large = load_model(str(deep), "float32", "cpu")
    silence(large, 2)
    influences = layer_influences(large, TEXTS)
    assert len(influences) == 5
    assert influences[2] == pytest.approx(0, abs=1e-6)
    assert min(influences[:2] + influences[3:]) > 1e-4


@pytest.mark.parametrize("texts", [[], [[]]])
def test_no_text_is_refused_before_anything_is_written(
    deep: Path, tmp_path: Path, texts: list[list[int]]
) -> None:
    with pytest.raises(ModelError, match="no text"):
        shrink(str(deep), 3, tmp_path / "small", texts)
    assert not (tmp_path / "small").exists()


def test_influence_by_hand(deep: Path) -> None:
    large = load_model(str(deep), "float32", "cpu")
    with torch.inference_mode():
        states = large.model(torch.tensor(TEXTS[:1]), output_hidden_states=True).hidden_states
    cosine = torch.cosine_similarity(states[1][0], states[2][0], dim=-1).mean()
    assert layer_influences(large, TEXTS[:1])[1] == pytest.approx(1 - cosine.item(), abs=1e-6)


def silence(model: LoadedModel, number: int) -> None:
    """Let a layer give back what it gets."""
    layer = model.model.model.layers[number]  # pyright: ignore
    with torch.no_grad():
        for part in (layer.self_attn.o_proj, layer.mlp.down_proj):  # pyright: ignore
            part.weight.zero_()


def test_the_kept_layers_are_the_large_models(deep: Path, tmp_path: Path) -> None:
    large = load_model(str(deep), "float32", "cpu")
    silence(large, 1)
    silence(large, 2)
    large.model.save_pretrained(deep)
    small = load_model(str(shrink(str(deep), 3, tmp_path / "small", TEXTS)), "float32", "cpu")
    assert small.model.config.num_hidden_layers == 3
    for mine, theirs in ((0, 0), (1, 3), (2, 4)):
        own = small.model.model.layers[mine].state_dict()  # pyright: ignore
        for name, weight in large.model.model.layers[theirs].state_dict().items():  # pyright: ignore
            assert torch.equal(own[name], weight)
    assert small.tokenizer.get_vocab() == large.tokenizer.get_vocab()
    assert renderer_of(small.tokenizer).prompt([Message(role="user", content="Hi")])


def test_all_layers_kept_is_the_same_model(deep: Path, tmp_path: Path) -> None:
    same = load_model(str(shrink(str(deep), 5, tmp_path / "same", TEXTS)), "float32", "cpu")
    large = load_model(str(deep), "float32", "cpu")
    tokens = torch.arange(3, 20)[None]
    with torch.inference_mode():
        assert torch.equal(same.model(tokens).logits, large.model(tokens).logits)


LONG = [[5 + number % 90 for number in range(0, 3 * WINDOW, 2)], [8, 8, 20]]


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_can_be_cut(name: str, tmp_path: Path) -> None:
    base = FAMILIES[name].write(tmp_path / "base")
    large = load_model(str(base), "float32", "cpu").model
    small = load_model(str(shrink(str(base), 3, tmp_path / "small", LONG)), "float32", "cpu").model
    kept = kept_layers(layer_influences(load_model(str(base), "float32", "cpu"), LONG), 3)
    assert small.config.num_hidden_layers == 3
    windows = windows_of(large.config)
    assert windows_of(small.config) == [windows[number] for number in kept]
    [gone] = set(range(4)) - set(kept)
    layers = next(
        part for part in large.modules() if isinstance(part, torch.nn.ModuleList) and len(part) == 4
    )
    layers[gone].register_forward_hook(lambda _layer, inputs, _output: inputs[0])
    ids = torch.tensor(LONG[:1])
    with torch.inference_mode():
        torch.testing.assert_close(small(ids).logits, large(ids).logits, rtol=1e-4, atol=1e-4)


def test_a_configuration_is_cut_with_its_layers() -> None:
    family = FAMILIES["qwen3-moe"]
    mixed = replace(family, more={**family.more, "mlp_only_layers": [0, 2]}).network().config
    assert cut_config(mixed, [0, 2, 3]).mlp_only_layers == [0, 1]
    assert cut_config(FAMILIES["smollm3"].network().config, [0, 1, 3]).no_rope_layers == [1, 1, 0]
    assert cut_config(FAMILIES["gemma2"].network().config, [0, 2, 3]).layer_types == [
        "sliding_attention", "sliding_attention", "full_attention",
    ]  # fmt: skip


def test_layers_told_apart_by_number_are_refused_by_name_without_weights() -> None:
    family = FAMILIES["qwen3-moe"]
    every_second = replace(family, more={**family.more, "decoder_sparse_step": 2}).network().config
    with pytest.raises(ModelError, match="layers cannot be taken out of Qwen3Moe"):
        check_shrinkable(every_second, "some/model")
    for each in FAMILIES.values():
        check_shrinkable(each.network().config, "")
