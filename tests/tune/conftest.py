"""Made-up rows and tiny models for the trainer's tests."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from transformers import PreTrainedModel

from support.models import Family, Tiny
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.model.attention import ATTENTION

VOCABULARY = 64


def tiny(kind: Family = "llama", dtype: torch.dtype = torch.float32, seed: int = 0) -> PreTrainedModel:
    """A random model of two layers with grouped queries, ready for packs."""
    model = Tiny(kind, seed, vocabulary=VOCABULARY, dtype=dtype).network()
    model.set_attn_implementation(ATTENTION)
    return model


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
