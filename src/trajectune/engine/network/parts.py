"""The parts of Llama-shaped models, by the names that transformers gives them.

That is Llama and SmolLM, Mistral, Qwen2, Qwen3 (heads are normed), SmolLM3 (some layers do not rotate) and
Phi-3 (products that are joined already).
"""

from __future__ import annotations

from typing import Any

import torch
from transformers import PreTrainedModel

from trajectune.models.adapters import is_plain_lora
from trajectune.models.int8 import Int8Linear

_LAYERS = {f"{family}DecoderLayer" for family in ("Llama", "Mistral", "Phi3", "Qwen2", "Qwen3", "SmolLM3")}
_ROTATIONS = {"default", "linear", "llama3", "yarn"}  # those whose table does not depend on the length


def is_llama_shaped(model: PreTrainedModel) -> bool:
    """Whether the model's layers are exactly those that the engine computes by itself."""
    layers = layers_of(model)
    if not layers or any(type(layer).__name__ not in _LAYERS for layer in layers):
        return False
    rotary: Any = model.model.rotary_emb  # pyright: ignore[reportAttributeAccessIssue]
    return (
        hasattr(model, "lm_head")
        and all(_is_known(each) for each in _linears(model))
        and model.config.hidden_act == "silu"
        and rotary.rope_type in _ROTATIONS
        and 2 * len(rotary.inv_freq) == layers[0].self_attn.head_dim  # all of a head turns
    )


def layers_of(model: Any) -> list[Any]:
    """A model's layers, where it has them in the usual place."""
    layers = getattr(getattr(model, "model", None), "layers", None)
    return list(layers) if isinstance(layers, torch.nn.ModuleList) else []


def _linears(model: Any) -> list[torch.nn.Module]:
    found = [model.lm_head]
    for layer in model.model.layers:
        found += [*inputs_of(layer.self_attn), layer.self_attn.o_proj]
        found += [*inputs_of(layer.mlp), layer.mlp.down_proj]
    return found


def _is_known(linear: torch.nn.Module) -> bool:
    return type(linear) in (torch.nn.Linear, Int8Linear) or is_plain_lora(linear)


def inputs_of(part: Any) -> list[Any]:
    """The linear layers that read what comes into an attention or MLP."""
    for names in (("qkv_proj",), ("gate_up_proj",), ("q_proj", "k_proj", "v_proj")):
        if hasattr(part, names[0]):
            return [getattr(part, name) for name in names]
    return [part.gate_proj, part.up_proj]


def head_norm(attention: Any) -> torch.Tensor | None:
    """Weights `[heads + kv_heads, head_dim]` of the norm of queries and keys; None where there is none."""
    if not hasattr(attention, "q_norm"):
        return None
    weights, size = (attention.q_norm.weight, attention.k_norm.weight), attention.head_dim
    heads = [inputs.out_features // size for inputs in inputs_of(attention)]
    return torch.cat([weight.detach().expand(n, size) for weight, n in zip(weights, heads, strict=False)])


def rotation_table(
    model: Any, positions: int, dtype: torch.dtype | None = None
) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines `[positions, head_dim / 2]`, from the model's own rotary module."""
    like = model.model.embed_tokens.weight[:1, None].to(dtype or model.dtype)
    with torch.inference_mode():
        cos, sin = model.model.rotary_emb(like, torch.arange(positions, device=like.device)[None])
    half = sin.shape[-1] // 2
    return cos[0, :, :half].contiguous(), sin[0, :, :half].contiguous()
