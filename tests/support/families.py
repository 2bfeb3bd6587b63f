"""The model families that must work, each as a tiny random model with a tokenizer of its own type.

The idea: `FAMILIES["gemma2"].write(folder)` gives a folder as a hub would: configuration, weights,
tokenizer and chat template, small enough for a test and with every peculiarity of its family (soft caps,
windows shorter than the rows, experts, norms, biases, partial rotation) switched on. Equal names give equal
weights.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
import transformers
from transformers import PreTrainedModel, PreTrainedTokenizerFast

from support.models import spread_weights
from support.templates import LLAMA_3_1, MISTRAL, MISTRAL_SPECIALS, QWEN
from support.tokenizers import (
    CHATML_SPECIALS,
    LLAMA_3_SPECIALS,
    SMOLLM2_TEMPLATE,
    byte_level,
    gemma_like,
    phi_like,
    sentencepiece_like,
)
from trajectune.models.loading import LoadedModel
from trajectune.models.quiet import quiet
from trajectune.models.templates import LLAMA_2

WINDOW = 24
"""Positions that a layer with a sliding window sees: fewer than a test's rows have."""
HEAD_DIM = 16
GEMMA = (
    "{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}"
    "{% endif %}{% for m in messages %}"
    "{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Conversation roles must alternate user/assistant/user/assistant/...') }}"
    "{% endif %}"
    "{{ '<start_of_turn>' ~ ('model' if m.role == 'assistant' else m.role) ~ '\n' ~ m.content | trim"
    " ~ '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
"""No system role, no tools, turns that alternate (Gemma 1 and 2)."""
PHI = (
    "{% for m in messages %}{{ '<|' ~ m.role ~ '|>\n' ~ m.content ~ '<|end|>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"
)


def _chatml() -> PreTrainedTokenizerFast:
    return byte_level(SMOLLM2_TEMPLATE, CHATML_SPECIALS)


def _qwen() -> PreTrainedTokenizerFast:
    return byte_level(QWEN, CHATML_SPECIALS, qwen=True)


def _mistral() -> PreTrainedTokenizerFast:
    return sentencepiece_like(MISTRAL, MISTRAL_SPECIALS[1:-1])


@dataclass(frozen=True)
class TinyFamily:
    """How a family's tiny model is made."""

    kind: str
    """Prefix of transformers' classes: `Qwen2` for `Qwen2Config` and `Qwen2ForCausalLM`."""
    tokenizer: Callable[[], PreTrainedTokenizerFast]
    more: dict[str, Any] = field(default_factory=dict)
    """What the configuration says beyond the sizes that all share."""
    config: str = ""
    """The configuration's class, where it is not `kind` + `Config`."""

    def network(
        self, *, context: int = 512, seed: int = 0, layers: int = 4, spread: float | None = 0.2
    ) -> PreTrainedModel:
        """The bare network in fp32 and evaluation mode.

        With weights so spread all of it matters; `None` leaves the family's own, which learn faster.
        """
        tokenizer = self.tokenizer()
        sizes: dict[str, Any] = {
            "vocab_size": len(tokenizer),
            "hidden_size": 48,
            "intermediate_size": 64,
            "num_hidden_layers": layers,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": context,
            "bos_token_id": tokenizer.bos_token_id,
            "eos_token_id": tokenizer.eos_token_id,
            "pad_token_id": tokenizer.pad_token_id,
            **self.more,
        }
        config = getattr(transformers, self.config or f"{self.kind}Config")(**sizes)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = getattr(transformers, f"{self.kind}ForCausalLM")(config)
            if spread is not None:
                spread_weights(model, spread)
        return model.float().eval()

    def loaded(self, **sizes: Any) -> LoadedModel:
        """The network with its tokenizer."""
        return LoadedModel(self.network(**sizes), self.tokenizer(), self.kind)

    def write(self, folder: Path, **sizes: Any) -> Path:
        """Save both as a model's folder; gives `folder`."""
        with quiet():
            self.network(**sizes).save_pretrained(folder)
            self.tokenizer().save_pretrained(folder)
        return folder


_EXPERTS = {"num_experts": 4, "num_experts_per_tok": 2, "moe_intermediate_size": 32, "norm_topk_prob": True}
_GEMMA_2 = {
    "head_dim": HEAD_DIM,
    "sliding_window": WINDOW,
    "attn_logit_softcapping": 20.0,
    "attn_implementation": "eager",  # older versions of transformers leave the cap out elsewhere
    "final_logit_softcapping": 10.0,
    "query_pre_attn_scalar": 24,
}
_GRANITE = {
    "embedding_multiplier": 3.0,
    "attention_multiplier": 0.2,
    "residual_multiplier": 0.5,
    "logits_scaling": 2.0,
}

FAMILIES: dict[str, TinyFamily] = {
    "llama-2": TinyFamily("Llama", lambda: sentencepiece_like(LLAMA_2)),
    "llama-3": TinyFamily("Llama", lambda: byte_level(LLAMA_3_1, LLAMA_3_SPECIALS)),
    "qwen2": TinyFamily("Qwen2", _qwen),
    "qwen2-window": TinyFamily(
        "Qwen2", _qwen, {"use_sliding_window": True, "sliding_window": WINDOW, "max_window_layers": 2}
    ),
    "qwen2-moe": TinyFamily(
        "Qwen2Moe", _qwen, {**_EXPERTS, "shared_expert_intermediate_size": 32, "decoder_sparse_step": 1}
    ),
    "qwen3": TinyFamily("Qwen3", _qwen, {"head_dim": HEAD_DIM}),
    "qwen3-moe": TinyFamily("Qwen3Moe", _qwen, {**_EXPERTS, "head_dim": HEAD_DIM}),
    "mistral": TinyFamily("Mistral", _mistral, {"sliding_window": None, "head_dim": HEAD_DIM}),
    "mistral-window": TinyFamily("Mistral", _mistral, {"sliding_window": WINDOW, "head_dim": HEAD_DIM}),
    "gemma": TinyFamily("Gemma", lambda: gemma_like(GEMMA), {"head_dim": HEAD_DIM}),
    "gemma2": TinyFamily("Gemma2", lambda: gemma_like(GEMMA), _GEMMA_2),
    "gemma3": TinyFamily(
        "Gemma3",
        lambda: gemma_like(GEMMA),
        {
            "head_dim": HEAD_DIM,
            "sliding_window": WINDOW,
            "query_pre_attn_scalar": 24,
            "layer_types": ["sliding_attention", "full_attention"] * 2,
        },
        config="Gemma3TextConfig",
    ),
    "phi3": TinyFamily("Phi3", lambda: phi_like(PHI), {"sliding_window": WINDOW}),
    "phi4": TinyFamily("Phi3", _chatml, {"sliding_window": None, "partial_rotary_factor": 0.5}),
    "olmo2": TinyFamily("Olmo2", _chatml),
    "smollm3": TinyFamily("SmolLM3", _chatml, {"no_rope_layers": [1, 1, 1, 0]}),
    "granite": TinyFamily("Granite", _chatml, _GRANITE),
    "gpt-neox": TinyFamily("GPTNeoX", _chatml, {"rotary_pct": 0.25}),
}

REFUSED: dict[str, tuple[str, str]] = {
    "gpt-oss": ("GptOssConfig", "attention sinks"),
    "DeepSeek-V2": ("DeepseekV2Config", "multi-head latent attention"),
    "DeepSeek-V3": ("DeepseekV3Config", "multi-head latent attention"),
    "Mamba": ("MambaConfig", "linear_attention"),
    "T5": ("T5Config", "no language model that writes from left to right"),
}
"""Kinds of models that are refused: the class of their configuration, and what is said of them."""


def write_config(name: str, folder: Path) -> Path:
    """A folder of a model that is refused: its configuration suffices to say so."""
    folder.mkdir(parents=True)
    getattr(transformers, REFUSED[name][0])().save_pretrained(folder)
    return folder
