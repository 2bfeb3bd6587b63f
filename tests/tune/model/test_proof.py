"""A model that packs would change is refused by name before any work; others need no name here to work."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from support.families import FAMILIES
from trajectune.errors import ModelError, RecipeError
from trajectune.models.quiet import quiet
from trajectune.tune.model.attention import ATTENTION
from trajectune.tune.model.early import check_tunable
from trajectune.tune.model.proof import prove_model
from trajectune.tune.model.trainable import load_trainable
from trajectune.tune.settings import LoraSettings, TuneSettings

EXPERTS = {"num_local_experts": 4, "num_experts_per_tok": 2}
LATENT = {
    "kv_lora_rank": 16,
    "q_lora_rank": 16,
    "qk_rope_head_dim": 8,
    "v_head_dim": 8,
    "qk_nope_head_dim": 8,
}


def made(kind: str, **more: Any) -> Any:
    """A tiny random model of any family of transformers, ready for packs."""
    sizes: dict[str, Any] = {
        "vocab_size": 64,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 4,
        "max_position_embeddings": 128,
        "pad_token_id": 0,
        **more,
    }
    torch.manual_seed(0)
    with quiet():
        model = getattr(transformers, f"{kind}ForCausalLM")(getattr(transformers, f"{kind}Config")(**sizes))
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.2 if parameter.ndim > 1 else 1.0)
        model.set_attn_implementation(ATTENTION)
    return model.float().eval()


@pytest.mark.parametrize(
    ("kind", "more", "reason"),
    [
        ("GptOss", {"head_dim": 8, **EXPERTS}, "sinks"),
        ("DeepseekV3", {**LATENT, "first_k_dense_replace": 2}, "another width"),
        ("Mamba", {}, "linear_attention"),
        ("Bloom", {}, "Bloom.*something else than attention"),
        ("Phimoe", {"sliding_window": 16, **EXPERTS}, "hides its windows"),
        ("StableLm", {}, "StableLm.*does not take its rows in packs"),
        ("Doge", {}, "Doge.*otherwise when others stand beside it"),
        ("HyperCLOVAX", {"logits_scaling": 0.5}, "HyperCLOVAX.*logits"),
    ],
)
def test_what_packs_would_change_is_refused_by_name(kind: str, more: dict[str, Any], reason: str) -> None:
    with pytest.raises(ModelError, match=reason):
        prove_model(made(kind, **more), kind)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("Cohere", {"logit_scale": 0.0625}),
        ("Cohere2", {"sliding_window": 16}),
        ("Mixtral", EXPERTS),
        ("Olmo3", {"sliding_window": 16}),
        ("Starcoder2", {"sliding_window": 16}),
        ("Phi", {}),
        ("OPT", {"ffn_dim": 48, "word_embed_proj_dim": 32}),
    ],
)
def test_other_families_that_packs_leave_alone_work(kind: str, more: dict[str, Any]) -> None:
    prove_model(made(kind, **more), kind)


@pytest.mark.parametrize("name", FAMILIES)
def test_bf16_is_proven_too(name: str) -> None:
    model = FAMILIES[name].network().to(torch.bfloat16)  # pyright: ignore[reportArgumentType]
    model.set_attn_implementation(ATTENTION)
    prove_model(model, name)


def test_a_tokenizer_larger_than_the_embedding_is_refused_with_both_sizes(tmp_path: Path) -> None:
    folder = FAMILIES["llama-3"].write(tmp_path / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    size = len(tokenizer)
    tokenizer.add_tokens(["one_more"])
    tokenizer.save_pretrained(folder)
    with pytest.raises(ModelError, match=f"{size + 1} tokens, the model's embedding {size} rows"):
        load_trainable(folder, TuneSettings(), "fp32", "cpu")


def test_a_special_token_that_nothing_writes_needs_no_embedding(tmp_path: Path) -> None:
    folder = FAMILIES["gemma3"].write(tmp_path / "model")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<image_soft_token>"]})
    tokenizer.save_pretrained(folder)
    load_trainable(folder, TuneSettings(), "fp32", "cpu")


@pytest.mark.parametrize(
    ("name", "changes", "reason"),
    [
        ("gpt-neox", {"freeze_layers": 4}, "4 layers cannot be frozen"),
        ("phi3", {"lora": {"modules": ["q_proj"]}}, "q_proj.*\n.*\n.*qkv_proj"),
        ("qwen3-moe", {"lora": {"dropout": 0.1}}, "experts"),
    ],
)
def test_settings_that_do_not_fit_are_refused_without_weights(
    name: str, changes: dict[str, Any], reason: str
) -> None:
    with pytest.raises((ModelError, RecipeError), match=reason):
        check_tunable(FAMILIES[name].network().config, TuneSettings.model_validate(changes))


@pytest.mark.parametrize("name", FAMILIES)
def test_settings_that_fit_are_not(name: str) -> None:
    settings = TuneSettings(freeze_layers=1, lora=LoraSettings(rank=2))
    check_tunable(FAMILIES[name].network().config, settings)


def test_kinds_of_layers_are_refused_without_weights() -> None:
    with pytest.raises(ModelError, match="linear_attention"):
        check_tunable(made("Mamba").config, TuneSettings())
