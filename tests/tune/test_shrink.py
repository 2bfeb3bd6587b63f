"""Cutting layers: which ones stay, and that nothing else changes."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, LlamaForCausalLM

from agenttune.decode.loading import load_model
from agenttune.decode.tiny import write_tiny_model
from agenttune.errors import ModelError
from agenttune.tune.shrink import kept_layers, shrink


@given(st.integers(2, 80), st.data())
def test_first_and_last_stay_and_none_twice(count: int, data: st.DataObject) -> None:
    keep = data.draw(st.integers(2, count))
    kept = kept_layers(count, keep)
    assert (kept[0], kept[-1], len(kept)) == (0, count - 1, keep)
    gaps = [b - a for a, b in pairwise(kept)]
    assert min(gaps) >= 1
    assert max(gaps) - min(gaps) <= 1


@pytest.mark.parametrize("keep", [0, 1, 5])
def test_impossible_numbers_are_refused(keep: int) -> None:
    with pytest.raises(ModelError, match="cannot be kept of 4"):
        kept_layers(4, keep)


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


def test_the_kept_layers_are_the_large_models(deep: Path, tmp_path: Path) -> None:
    small = load_model(str(shrink(str(deep), 3, tmp_path / "small")), "float32", "cpu")
    large = load_model(str(deep), "float32", "cpu")
    assert small.model.config.num_hidden_layers == 3
    for mine, theirs in ((0, 0), (1, 2), (2, 4)):
        own = small.model.model.layers[mine].state_dict()  # pyright: ignore
        for name, weight in large.model.model.layers[theirs].state_dict().items():  # pyright: ignore
            assert torch.equal(own[name], weight)
    assert small.tokenizer.get_vocab() == large.tokenizer.get_vocab()
    assert small.chat_tokens([{"role": "user", "content": "Hi"}])


def test_all_layers_kept_is_the_same_model(deep: Path, tmp_path: Path) -> None:
    same = load_model(str(shrink(str(deep), 5, tmp_path / "same")), "float32", "cpu")
    large = load_model(str(deep), "float32", "cpu")
    tokens = torch.arange(3, 20)[None]
    with torch.inference_mode():
        assert torch.equal(same.model(tokens).logits, large.model(tokens).logits)
