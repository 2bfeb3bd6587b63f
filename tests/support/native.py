"""What tests of the native network share: its levels, and small models of any shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM

from support.models import spread_weights, tiny_tokenizer
from trajectune.engine.network.batch import Segment, make_batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.native import library
from trajectune.engine.network.network import Network
from trajectune.models.loading import LoadedModel

CPU = torch.device("cpu")
HERE = [level for level in library.LEVELS if library.supports(level) and library.built(level)]
"""Levels that this machine can run; without a compiler or on another processor there are none."""

needs_native = pytest.mark.skipif(not HERE, reason="the native part is not built for this processor")


@contextmanager
def use_level(level: str) -> Iterator[None]:
    """Lets new networks use a level, or none (`off`)."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(library.SWITCH, level)
        library.native_library.cache_clear()
        try:
            yield
        finally:
            library.native_library.cache_clear()


def llama(seed: int = 0, *, window: int | None = None, **sizes: Any) -> LoadedModel:
    """A bf16 model whose every part matters; with a window, a Mistral."""
    given: dict[str, Any] = {
        "vocab_size": 301,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 128,
    } | sizes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        if window is None:
            model: Any = LlamaForCausalLM(LlamaConfig(**given))
        else:
            model = MistralForCausalLM(MistralConfig(**given, sliding_window=window))
        spread_weights(model, 0.15)
    return LoadedModel(model.bfloat16().eval(), tiny_tokenizer(), "small")


def read(
    network: Network, cache: KVCache, parts: Sequence[tuple[int, int, torch.Tensor]]
) -> list[torch.Tensor]:
    """Logits behind all tokens of each `(slot, past, tokens)`, read in one pass."""
    segments = [Segment(slot, past, len(tokens)) for slot, past, tokens in parts]
    packed = torch.cat([tokens for _, _, tokens in parts])
    logits = network(packed, make_batch(segments, CPU), cache, torch.arange(len(packed)))
    return list(logits.split([len(tokens) for _, _, tokens in parts]))


def exact(loaded: LoadedModel, tokens: torch.Tensor) -> torch.Tensor:
    """The library's logits, computed in fp32 with the bf16 weights."""
    with torch.inference_mode():
        return loaded.model.float()(tokens[None]).logits[0]


def distance(found: torch.Tensor, expected: torch.Tensor) -> float:
    """How far logits are from others, as a share of how much those vary."""
    return float((found - expected).norm() / (expected - expected.mean()).norm())
