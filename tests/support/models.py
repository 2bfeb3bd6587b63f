"""Tiny models for the tests, all from one place: any family, in memory or as a folder.

The idea: a test says what matters to it (`Tiny("qwen2", seed=1, layers=5)`) and takes the rest as it comes.
The tokenizer is the byte-level one of `model: tiny`. Invariant: equal descriptions give equal weights, and
the global random state stays as it was.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

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
from trajectune.models.quiet import quiet
from trajectune.models.tiny import write_tiny_model

Family = Literal["llama", "qwen2", "qwen3", "gpt2"]


@cache
def tiny_tokenizer() -> PreTrainedTokenizerBase:
    """The byte-level tokenizer of the tiny model, with its ChatML template. Shared: do not change it."""
    with tempfile.TemporaryDirectory() as folder:
        return load_model(str(write_tiny_model(Path(folder) / "tiny")), "float32", "cpu").tokenizer


@dataclass(frozen=True)
class Tiny:
    """Description of a small random model with grouped queries; heads of eight numbers."""

    family: Family = "llama"
    seed: int = 0
    layers: int = 2
    width: int = 32
    context: int = 512
    vocabulary: int | None = None
    """Number of tokens; `None`: as many as `tiny_tokenizer` has, with its special ids."""
    spread: float | None = None
    """Standard deviation of the weights; `None`: the family's own small one. With 0.3 every part of the
    network matters, and greedy replies do not just repeat one token."""
    tied: bool | None = None
    """Whether the output layer is the embedding; `None`: in Llamas alone."""
    dtype: torch.dtype = torch.float32
    ends: bool = True
    """Whether the end-of-turn token ends a reply."""

    def network(self) -> PreTrainedModel:
        """The bare network, in evaluation mode."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            model = self._build()
            if self.spread is not None:
                spread_weights(model, self.spread)
        if not self.ends:
            model.generation_config.eos_token_id = None  # pyright: ignore[reportOptionalMemberAccess]
        return model.to(self.dtype).eval()  # pyright: ignore[reportArgumentType]

    def loaded(self, name: str = "") -> LoadedModel:
        """The network with the tiny tokenizer."""
        return LoadedModel(self.network(), tiny_tokenizer(), name or self.family)

    def write(self, folder: Path) -> Path:
        """Save both as a model's folder; gives `folder`."""
        with quiet():
            self.network().save_pretrained(folder)
            tiny_tokenizer().save_pretrained(folder)
        return folder

    def _build(self) -> PreTrainedModel:
        sizes = self._sizes()
        if self.family == "llama":
            return LlamaForCausalLM(LlamaConfig(**sizes))
        if self.family == "qwen2":
            return Qwen2ForCausalLM(Qwen2Config(**sizes))
        if self.family == "qwen3":
            return Qwen3ForCausalLM(Qwen3Config(**sizes, head_dim=16))
        return GPT2LMHeadModel(GPT2Config(**sizes))

    def _sizes(self) -> dict[str, Any]:
        heads = self.width // 8
        shared = {"vocab_size": self.vocabulary} if self.vocabulary else _own_ids()
        if self.family == "gpt2":
            return {
                **shared,
                "n_positions": self.context,
                "n_embd": self.width,
                "n_layer": self.layers,
                "n_head": heads,
            }
        return {
            **shared,
            "hidden_size": self.width,
            "intermediate_size": self.width * 3 // 2,
            "num_hidden_layers": self.layers,
            "num_attention_heads": heads,
            "num_key_value_heads": max(2, heads // 2),
            "max_position_embeddings": self.context,
            "tie_word_embeddings": self.family == "llama" if self.tied is None else self.tied,
        }


def spread_weights(model: PreTrainedModel, spread: float) -> None:
    """Draw every weight anew: matrices with this standard deviation, vectors with 1."""
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=spread if parameter.ndim > 1 else 1.0)


def _own_ids() -> dict[str, Any]:
    tokenizer = tiny_tokenizer()
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }
