"""Random models, prompts and rows on the device under test."""

from __future__ import annotations

import random
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import (
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Qwen3Config,
    Qwen3ForCausalLM,
)

from trajectune.models.loading import LoadedModel
from trajectune.models.templates import load_tokenizer
from trajectune.models.tiny import write_tiny_model
from trajectune.tune.data.rows import TokenRow

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"
VOCABULARY = 512


@cache
def tokenizer() -> PreTrainedTokenizerBase:
    """The tiny model's."""
    with tempfile.TemporaryDirectory() as folder:
        return load_tokenizer(str(write_tiny_model(Path(folder) / "model")))


def random_model(
    seed: int = 0, *, family: str = "llama", layers: int = 2, dtype: torch.dtype = torch.float32
) -> LoadedModel:
    """Weights far from zero, so that every part of the network matters."""
    shape: dict[str, Any] = {
        "vocab_size": VOCABULARY,
        "hidden_size": 128,
        "intermediate_size": 192,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
    }
    torch.manual_seed(seed)
    model: PreTrainedModel = (
        LlamaForCausalLM(LlamaConfig(**shape))
        if family == "llama"
        else Qwen3ForCausalLM(Qwen3Config(**shape, head_dim=32))
    )
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2 if parameter.ndim > 1 else 1.0)
    model.generation_config.eos_token_id = None
    placed = model.to(device=DEVICE, dtype=dtype).eval()  # pyright: ignore[reportCallIssue, reportArgumentType]
    return LoadedModel(placed, tokenizer(), f"{family}-{seed}")


def prompts(lengths: list[int], seed: int = 0) -> list[list[int]]:
    """Random tokens."""
    draw = random.Random(seed)
    return [[draw.randrange(3, 300) for _ in range(length)] for length in lengths]


def rows(count: int, *, trunk: int, tail: int, seed: int = 0, vocabulary: int = 300) -> list[TokenRow]:
    """Rows with a common trunk, some of them with a common middle as well, and ragged tails."""
    draw = np.random.default_rng(seed)
    shared = draw.integers(3, vocabulary, trunk)
    middles = [draw.integers(3, vocabulary, tail) for _ in range(2)]
    found = []
    for index in range(count):
        own = draw.integers(3, vocabulary, int(draw.integers(tail // 2, tail * 2)))
        tokens = np.concatenate([shared, middles[index % 2], own]).astype(np.int32)
        trained = (np.arange(len(tokens)) >= trunk) & (draw.random(len(tokens)) < 0.5)
        trained[-1] = True
        found.append(TokenRow(f"row-{index}", "agent", tokens, trained))
    return found
