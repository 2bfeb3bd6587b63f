"""What a model keeps and sees is measured; what the engine cannot do is refused before any request."""

from __future__ import annotations

from typing import Any

import pytest
import torch
import transformers

from support.families import FAMILIES, WINDOW
from support.models import Tiny, spread_weights, tiny_tokenizer
from trajectune.composition.composition import Composition
from trajectune.engine.engine import Engine
from trajectune.engine.network.shape import CacheShape
from trajectune.engine.requests import Request
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel

SIZES = {
    "vocab_size": 64,
    "hidden_size": 32,
    "intermediate_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
    "pad_token_id": 0,
}
FULL, SLIDING = None, WINDOW


def random_model(kind: str, **more: Any) -> LoadedModel:
    config_class = f"{kind}TextConfig" if kind == "Llama4" else f"{kind}Config"
    config = getattr(transformers, config_class)(**SIZES | more)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = getattr(transformers, f"{kind}ForCausalLM")(config)
        spread_weights(network, 0.2)
    return LoadedModel(network.float().eval(), tiny_tokenizer(), kind)


@pytest.mark.parametrize(
    ("tiny", "shape"),
    [
        (Tiny("llama"), CacheShape(2, 8, (None, None))),
        (Tiny("qwen3"), CacheShape(2, 16, (None, None))),
        (Tiny("gpt2", layers=3), CacheShape(4, 8, (None, None, None))),
        (Tiny("llama", width=64, dtype=torch.bfloat16), CacheShape(4, 8, (None, None))),
    ],
)
def test_heads_and_layers_are_the_models(tiny: Tiny, shape: CacheShape) -> None:
    assert CacheShape.of(tiny.loaded(), 100) == shape


@pytest.mark.parametrize(
    ("name", "windows"),
    [
        ("mistral", [FULL] * 4),
        ("mistral-window", [SLIDING] * 4),
        ("phi3", [SLIDING] * 4),
        ("qwen2-window", [FULL, FULL, SLIDING, SLIDING]),
        ("gemma2", [SLIDING, FULL, SLIDING, FULL]),
        ("gemma3", [SLIDING, FULL, SLIDING, FULL]),
        ("smollm3", [FULL] * 4),
    ],
)
def test_each_layer_sees_as_far_as_the_library_lets_it(name: str, windows: list[int | None]) -> None:
    loaded = FAMILIES[name].loaded()
    assert list(CacheShape.of(loaded, 200).windows) == windows
    assert list(CacheShape.of(loaded, WINDOW + 1).windows) == windows
    assert list(CacheShape.of(loaded, WINDOW).windows) == [FULL] * 4  # nothing is cut off


def test_a_window_that_only_the_mask_knows() -> None:
    """The attention of Qwen2-MoE is not told of its window."""
    loaded = random_model(
        "Qwen2Moe",
        num_experts=2,
        num_experts_per_tok=1,
        moe_intermediate_size=16,
        shared_expert_intermediate_size=16,
        use_sliding_window=True,
        sliding_window=WINDOW,
        max_window_layers=2,
    )
    assert CacheShape.of(loaded, 200).windows == (SLIDING, FULL)
    prompt = [(7 * i) % 61 for i in range(3 * WINDOW)]
    (got,) = Engine(Composition.single(loaded), max_context=200).generate(
        [Request(prompt, 8, stop_tokens=())]
    )
    read = list(prompt)
    for _ in range(8):
        with torch.inference_mode():
            read.append(int(loaded.model(torch.tensor([read])).logits[0, -1].argmax()))  # pyright: ignore[reportCallIssue]
    assert got.tokens == read[len(prompt) :]


def test_measuring_leaves_the_model_as_it_was() -> None:
    loaded = Tiny("qwen3").loaded()
    before = loaded.model.config._attn_implementation
    CacheShape.of(loaded, 32)
    assert loaded.model.config._attn_implementation == before


_LATENT = {
    "kv_lora_rank": 8,
    "q_lora_rank": 8,
    "qk_rope_head_dim": 8,
    "qk_nope_head_dim": 8,
    "v_head_dim": 8,
    "n_routed_experts": 2,
    "num_experts_per_tok": 1,
    "n_group": 1,
    "topk_group": 1,
    "moe_intermediate_size": 16,
}


@pytest.mark.parametrize(
    ("kind", "more", "reason"),
    [
        ("GptOss", {"num_local_experts": 2, "num_experts_per_tok": 1, "head_dim": 8}, "sinks"),
        ("DeepseekV2", _LATENT, "multi-head latent attention"),
        ("DeepseekV3", _LATENT, "multi-head latent attention"),
        ("Llama4", {"attention_chunk_size": 16, "num_local_experts": 2, "head_dim": 8}, "chunks"),
        ("Mamba2", {"num_heads": 8, "head_dim": 8}, "cannot be decoded"),
        ("RecurrentGemma", {}, "layer 0 keeps something other than keys and values"),
        ("DiffLlama", {}, "cannot be decoded"),
        ("Bloom", {}, "cannot be decoded"),
    ],
)
def test_what_the_engine_cannot_do_is_refused_before_any_request(
    kind: str, more: dict[str, Any], reason: str
) -> None:
    loaded = random_model(kind, **more)
    with pytest.raises(ModelError, match=reason) as caught:
        Engine(Composition.single(loaded), max_context=100)
    assert "endpoint" in caught.value.remedy
