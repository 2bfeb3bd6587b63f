"""Fixtures that every part of the tree may use."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from trajectune.models.loading import LoadedModel, load_model
from trajectune.models.tiny import write_tiny_model

SHARED_DATA = Path(os.environ.get("TRAJECTUNE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real public data sets, or a skip with the reason."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no public test data at {SHARED_DATA}; set TRAJECTUNE_TEST_DATA to its folder")
    return SHARED_DATA


@pytest.fixture(scope="session")
def embedded_model_dir() -> Path:
    """The embedded model, converted once to safetensors and cached (for tests marked `slow`)."""
    from trajectune.models.loading import resolve_model

    return Path(resolve_model("embedded"))


MakeModel = Callable[..., LoadedModel]


@pytest.fixture(scope="session")
def tiny_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tokenizer(tiny_dir: Path) -> PreTrainedTokenizerBase:
    return load_model(str(tiny_dir), dtype="float32", device="cpu").tokenizer


@pytest.fixture(scope="session")
def make_model(tokenizer: PreTrainedTokenizerBase) -> MakeModel:
    """`make_model(family, seed)`: weights far from zero, so that every part of the network matters."""

    @cache
    def make(family: str, seed: int = 0) -> LoadedModel:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = _build(family, len(tokenizer))
            for parameter in model.parameters():
                torch.nn.init.normal_(parameter, std=0.3 if parameter.ndim > 1 else 1.0)
        model.generation_config.eos_token_id = None
        return LoadedModel(model.eval(), tokenizer, family)

    return make


def _build(family: str, vocabulary: int) -> PreTrainedModel:
    shape = {
        "vocab_size": vocabulary,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 256,
        "tie_word_embeddings": family == "llama",
    }
    if family == "llama":
        return LlamaForCausalLM(LlamaConfig(**shape))
    if family == "qwen2":
        return Qwen2ForCausalLM(Qwen2Config(**shape))
    if family == "qwen3":
        return Qwen3ForCausalLM(Qwen3Config(**shape, head_dim=16))
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=vocabulary, n_positions=256, n_embd=32, n_layer=3, n_head=4)
    )
