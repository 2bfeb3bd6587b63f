"""Sizes from configurations: what every family has is counted."""

from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig

from support.families import FAMILIES, WINDOW
from trajectune.errors import ModelError
from trajectune.tune.model.lora import add_adapters
from trajectune.tune.settings import LoraSettings
from trajectune.tune.size import model_size, size_of_config

LLAMA_2_7B = LlamaConfig(hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, vocab_size=32000)


def test_size_of_a_configuration_and_of_a_name() -> None:
    size = size_of_config(LLAMA_2_7B.to_dict())
    assert size.parameters == 6_738_415_616
    assert size.body == size.parameters - 2 * 32_000 * 4_096
    guessed = model_size("some/Llama-2-7b-chat")
    assert guessed.hidden == pytest.approx(4_096, rel=0.05)
    assert guessed.body == pytest.approx(size.body, rel=0.05)
    with pytest.raises(ModelError, match="size is not known"):
        model_size("some/model-chat")


@pytest.mark.parametrize("name", FAMILIES)
def test_every_family_is_counted(name: str) -> None:
    model = FAMILIES[name].network()
    size = size_of_config(model.config.to_dict())
    assert size.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert 0 < size.body < size.parameters
    assert (size.layers, size.hidden, len(size.windows)) == (4, 48, 4)
    adapted = add_adapters(model, LoraSettings(rank=3), "")
    trained = sum(parameter.numel() for parameter in adapted.parameters() if parameter.requires_grad)
    assert size.adapted * 3 == trained


@pytest.mark.parametrize("name", FAMILIES)
def test_a_token_is_multiplied_with_the_body_and_the_head(name: str) -> None:
    model = FAMILIES[name].network()
    model.set_attn_implementation("eager")
    model.set_experts_implementation("eager")  # the counter does not know grouped products
    size, tokens = size_of_config(model.config.to_dict()), torch.arange(3, 43)[None]
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(tokens)
    attention = 4 * 4 * size.queries * 40 * 40  # the eager one computes what is masked as well
    expected = 2 * 40 * (size.body + 48 * size.vocabulary) + attention
    assert counter.get_total_flops() == pytest.approx(expected, rel=0.05)


def test_windows_are_those_of_the_layers() -> None:
    def windows(name: str) -> tuple[int | None, ...]:
        return size_of_config(FAMILIES[name].network().config.to_dict()).windows

    assert windows("llama-3") == windows("qwen2") == windows("qwen2-moe") == (None,) * 4
    assert windows("qwen2-window") == (None, None, WINDOW, WINDOW)
    assert windows("gemma2") == windows("gemma3") == (WINDOW, None) * 2
    assert windows("mistral-window") == windows("phi3") == (WINDOW,) * 4
