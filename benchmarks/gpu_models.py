"""Models of known shapes with random weights, made on the spot, and rows that look like trajectories.

Times do not depend on what the weights know, so nothing has to be downloaded.
"""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, LlamaConfig, PreTrainedModel, PreTrainedTokenizerBase

from trajectune.models.loading import LoadedModel
from trajectune.models.templates import load_tokenizer
from trajectune.models.tiny import write_tiny_model
from trajectune.tune.data.rows import TokenRow

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"

SHAPES = {
    # Layers, width, feed-forward width, heads, key/value heads, vocabulary, whether the head is tied.
    "0.1b": (30, 576, 1536, 9, 3, 49_152, True),  # SmolLM2-135M
    "1b": (16, 2048, 8192, 32, 8, 128_256, True),  # Llama 3.2 1B
    "7b": (32, 4096, 11_008, 32, 32, 32_000, False),  # Llama 2 7B
    "8b": (32, 4096, 14_336, 32, 8, 128_256, False),  # Llama 3.1 8B
    "toy": (2, 64, 128, 4, 2, 512, True),
    "larger toy": (4, 96, 192, 4, 2, 512, True),
}


def random_model(shape: str, layers: int | None = None, seed: int = 0) -> PreTrainedModel:
    """A Llama of this shape in bf16 on the device, with `layers` of its layers."""
    count, width, inner, heads, key_heads, vocabulary, tied = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers or count,
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        max_position_embeddings=8192,
        tie_word_embeddings=tied,
    )
    torch.manual_seed(seed)
    with torch.device(DEVICE):
        model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.generation_config.eos_token_id = None
    return model


def loaded(shape: str, seed: int = 0) -> LoadedModel:
    """The same, ready to decode."""
    return LoadedModel(random_model(shape, seed=seed).eval(), _tokenizer(), f"{shape}-{seed}")


@cache
def _tokenizer() -> PreTrainedTokenizerBase:
    with tempfile.TemporaryDirectory() as folder:
        return load_tokenizer(str(write_tiny_model(Path(folder) / "model")))


def trajectories(count: int, vocabulary: int, scale: float = 1.0) -> list[TokenRow]:
    """An instruction of 700 tokens that all share, then ten turns: an observation, and a reply that is
    trained; about 1,500 tokens each.
    """
    draw = np.random.default_rng(0)
    instruction = draw.integers(vocabulary, size=round(700 * scale))
    rows = []
    for index in range(count):
        turns = [
            (int(draw.integers(20, 81) * scale), int(draw.integers(15, 46) * scale)) for _ in range(10)
        ]
        rows.append(_row(f"agent-{index}", instruction, turns, vocabulary, draw))
    return rows


def conversations(count: int, vocabulary: int, scale: float = 1.0) -> list[TokenRow]:
    """Hardly anything shared (30 tokens), one to four turns of spread lengths; about 500 tokens each."""
    draw = np.random.default_rng(1)
    system = draw.integers(vocabulary, size=round(30 * scale))
    rows = []
    for index in range(count):
        turns = [
            (2 + int(draw.lognormal(3.5, 0.8) * scale), 2 + int(draw.lognormal(4.6, 0.7) * scale))
            for _ in range(draw.integers(1, 5))
        ]
        rows.append(_row(f"general-{index}", system, turns, vocabulary, draw))
    return rows


def _row(
    name: str,
    start: NDArray[np.int64],
    turns: list[tuple[int, int]],
    vocabulary: int,
    draw: np.random.Generator,
) -> TokenRow:
    lengths = np.array([len(start), *(length for turn in turns for length in turn)])
    trained = np.repeat([False, *[False, True] * len(turns)], lengths)
    own = draw.integers(vocabulary, size=lengths[1:].sum())
    return TokenRow(name, "all", np.concatenate([start, own]).astype(np.int32), trained)
