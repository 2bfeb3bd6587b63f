"""Models that cannot be tuned or decoded here, told from their configuration alone, by name of the reason.

The idea: our attention (in training and in decoding) takes the place of the model's own, so a model works
when its layers hand queries, keys and values to transformers' attention registry and nothing else mixes
tokens. What does more (sinks, a recurrent state, latent attention, sight in both directions) would be
computed wrongly in silence or fail late; it is refused before anything is loaded.
"""

from __future__ import annotations

import functools
import inspect
import re
import sys
from pathlib import Path
from typing import Any

from transformers import PreTrainedConfig
from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING,
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_MASKED_LM_MAPPING_NAMES,
)

from trajectune.errors import ModelError
from trajectune.models.folder.guard import library_errors

_ORDINARY = {"full_attention", "sliding_attention", "attention"}
_STATE = re.compile(r"(mamba|ssm|lru|linear_(conv|attn|num|key|value)|conv_L_cache|state_size)")
_SINKS = re.compile(r"\b(s_aux|sinks)\b")


def check_supported(config: PreTrainedConfig, where: Path | str) -> None:
    """Raises ModelError where this kind of model cannot be tuned and decoded here."""
    with library_errors(where, "the configuration cannot be used"):
        reason = _reason(config)
    if reason:
        raise ModelError(
            f"models of type {config.model_type!r} are not supported: {reason}",
            where=str(where),
            remedy="choose a decoder with ordinary attention (Llama, Qwen, Mistral, Gemma, Phi, OLMo, "
            "SmolLM, Granite, …), or serve this one elsewhere and use it as an endpoint",
        )


def _reason(config: PreTrainedConfig) -> str:
    """Why a model cannot be used; empty where it can."""
    kind = config.model_type
    text: Any = config.get_text_config()
    if kind not in MODEL_FOR_CAUSAL_LM_MAPPING_NAMES:
        return "it is no language model that writes from left to right"
    if getattr(config, "is_encoder_decoder", False):
        return "it has an encoder and a decoder"
    if kind in MODEL_FOR_MASKED_LM_MAPPING_NAMES or getattr(text, "use_bidirectional_attention", None):
        return "it reads in both directions"
    if getattr(text, "kv_lora_rank", None):
        return "multi-head latent attention"
    if unusual := sorted(set(getattr(text, "layer_types", None) or ()) - _ORDINARY):
        return f"layers of the kind {', '.join(map(str, unusual))} (a state or a mask of their own)"
    if not getattr(text, "layer_types", None) and any(map(_STATE.match, text.to_dict())):
        return "layers with a recurrent state"
    if getattr(config, "quantization_config", None):
        return "its weights are quantised"
    return _of_class(type(config))


@functools.cache
def _of_class(config: type[PreTrainedConfig]) -> str:
    """What the model's own code says, which is imported for it."""
    model: Any = MODEL_FOR_CAUSAL_LM_MAPPING[config]
    model = model[0] if isinstance(model, tuple) else model
    placed = "position_ids" in inspect.signature(model.forward).parameters
    if not placed or not getattr(model, "_supports_attention_backend", False):
        return "its attention cannot be replaced"
    if _SINKS.search(inspect.getsource(sys.modules[model.__module__])):
        return "attention sinks"
    return ""
