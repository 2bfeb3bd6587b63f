"""Made-up rows and tiny models for the trainer's tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from trajectune.tune.data.rows import TokenRow
from trajectune.tune.model.attention import ATTENTION

VOCABULARY = 64


def tiny(kind: str = "llama", dtype: torch.dtype = torch.float32, seed: int = 0) -> PreTrainedModel:
    """A random model of two layers with grouped queries."""
    sizes = {
        "vocab_size": VOCABULARY,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 512,
        "tie_word_embeddings": kind == "llama",
    }
    torch.manual_seed(seed)
    model = (
        LlamaForCausalLM(LlamaConfig(**sizes))
        if kind == "llama"
        else Qwen2ForCausalLM(Qwen2Config(**sizes))
    )
    model.set_attn_implementation(ATTENTION)
    return model.to(dtype)  # pyright: ignore[reportArgumentType]


def row(tokens: list[int], trained: list[int], source: str = "agent", name: str = "") -> TokenRow:
    """A row that trains the positions in `trained`."""
    mask = np.zeros(len(tokens), dtype=bool)
    mask[trained] = True
    return TokenRow(name or str(tokens), source, np.array(tokens, dtype=np.int32), mask)


def rows_with_prefixes(
    count: int, seed: int = 0, trunk: int = 12, sources: tuple[str, ...] = ("agent",)
) -> list[TokenRow]:
    """Rows with a common trunk for each source, deeper branches, and tails of different lengths."""
    random = np.random.default_rng(seed)
    trunks = {source: random.integers(0, VOCABULARY, trunk).tolist() for source in sources}
    middles = [random.integers(0, VOCABULARY, 5).tolist() for _ in range(3)]
    rows = []
    for index in range(count):
        source = sources[index % len(sources)]
        tail = random.integers(0, VOCABULARY, int(random.integers(2, 12))).tolist()
        tokens = trunks[source] + middles[int(random.integers(3))] + tail
        trained = sorted({*random.integers(1, len(tokens), 6).tolist(), len(tokens) - 1})
        rows.append(row(tokens, trained, source, f"row-{index}"))
    return rows


@pytest.fixture(params=["llama", "qwen2"])
def model(request: pytest.FixtureRequest) -> PreTrainedModel:
    """A tiny model of each family, ready for packs."""
    return tiny(request.param)


@pytest.fixture(scope="session")
def make_model() -> Callable[..., PreTrainedModel]:
    return tiny


@pytest.fixture(scope="session")
def make_row() -> Callable[..., TokenRow]:
    return row


@pytest.fixture(scope="session")
def make_rows() -> Callable[..., list[TokenRow]]:
    return rows_with_prefixes
