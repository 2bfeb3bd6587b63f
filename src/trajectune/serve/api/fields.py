"""Fields that this server does not honour, and which of their values ask for nothing.

The idea: of the fields that servers of this API know (OpenAI, vLLM, SGLang, llama.cpp, TGI, OpenRouter),
each changes the reply or it does not. Those that do not are ignored by name. Everything else, known or
not, is refused unless its value asks for nothing: a client is never given another reply than it asked for.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from trajectune.serve.api.errors import ApiError

_EMPTY = (None, "", [], {})
_OFF = (False,)
_ZERO = (0,)
_ONE = (1,)
_ON = (True,)

IGNORED = frozenset(
    {
        # who asks, how it is stored, billed, cached and traced
        *("user", "metadata", "store", "service_tier", "safety_identifier", "prompt_cache_key"),
        *(
            "prompt_cache_retention",
            "prediction",
            "priority",
            "request_id",
            "rid",
            "cache_salt",
            "extra_key",
        ),
        *("cache_prompt", "id_slot", "n_keep", "guided_decoding_backend", "session_id", "keep_alive"),
        # how something else works that is refused
        *(
            "mirostat_tau",
            "mirostat_eta",
            "xtc_threshold",
            "dynatemp_exponent",
            "repeat_last_n",
            "n_indent",
        ),
        *("dry_base", "dry_allowed_length", "dry_penalty_last_n", "dry_sequence_breakers", "min_keep"),
        *("guided_whitespace_pattern", "spaces_between_special_tokens", "custom_params"),
    }
)
"""Fields that change no reply."""

NEUTRAL: Mapping[str, tuple[object, ...]] = {
    # OpenAI
    "logprobs": _OFF,
    "top_logprobs": _ZERO,
    "frequency_penalty": _ZERO,
    "presence_penalty": _ZERO,
    "response_format": ({"type": "text"},),
    "modalities": (["text"],),
    "function_call": ("none", "auto"),
    "verbosity": ("medium",),
    "best_of": _ONE,
    "echo": _OFF,
    # vLLM and SGLang
    "min_tokens": _ZERO,
    "include_stop_str_in_output": _OFF,
    "no_stop_trim": _OFF,
    "use_beam_search": _OFF,
    "length_penalty": _ONE,
    "early_stopping": _OFF,
    "add_generation_prompt": _ON,
    "continue_final_message": _OFF,
    "include_reasoning": _ON,
    "separate_reasoning": _ON,
    "stream_reasoning": _ON,
    "return_token_ids": _OFF,
    "return_tokens_as_token_ids": _OFF,
    "return_hidden_states": _OFF,
    # llama.cpp
    "n_predict": (-1,),
    "typical_p": _ONE,
    "tfs_z": _ONE,
    "top_n_sigma": (-1,),
    "top_a": _ZERO,
    "mirostat": _ZERO,
    "repeat_penalty": _ONE,
    "penalize_nl": _OFF,
    "dry_multiplier": _ZERO,
    "xtc_probability": _ZERO,
    "dynatemp_range": _ZERO,
    "n_probs": _ZERO,
    "post_sampling_probs": _OFF,
    "reasoning_format": ("auto",),
    "reasoning_budget": (-1,),
    "thinking_forced_open": _OFF,
    "parse_tool_calls": _ON,
    "return_progress": _OFF,
    "return_tokens": _OFF,
    "timings_per_token": _OFF,
    "t_max_predict_ms": (0, -1),
    # TGI
    "do_sample": _ON,
    "watermark": _OFF,
    "details": _OFF,
    "decoder_input_details": _OFF,
    "return_full_text": _OFF,
    "top_n_tokens": _ZERO,
}
"""Values that ask for nothing, beside null and empty ones, which never do."""

_INSTEAD = {
    **dict.fromkeys(("max_new_tokens", "n_predict", "max_output_tokens"), "max_tokens"),
    **dict.fromkeys(("stop_sequences", "stop_strings"), "stop"),
    **dict.fromkeys(("enable_thinking", "thinking", "think"), "chat_template_kwargs"),
    "repeat_penalty": "repetition_penalty",
    "random_seed": "seed",
}
"""Names that this server knows for fields of other servers."""

_HARMLESS_IN_MESSAGES = frozenset(
    {
        *(
            "id",
            "object",
            "type",
            "index",
            "created",
            "created_at",
            "timestamp",
            "status",
            "model",
            "metadata",
        ),
        *("finish_reason", "stop_reason", "annotations", "citations", "cache_control", "usage", "weight"),
        *("provider_specific_fields", "token_ids"),
    }
)
"""What clients leave in messages that they got from a server, and what the model is not told."""


def check_fields(
    data: Mapping[str, Any], honoured: Collection[str], neutral: Mapping[str, tuple[object, ...]]
) -> None:
    """Raises ApiError for the first field of a request that asks for something that is not done."""
    for name, value in data.items():
        if (
            name in honoured
            or name in IGNORED
            or _is_neutral(value, neutral.get(name, NEUTRAL.get(name, ())))
        ):
            continue
        instead = f"; use {_INSTEAD[name]}" if name in _INSTEAD else ""
        raise ApiError(400, f"{name[:100]} is not supported by this server{instead}", param=name[:100])


def check_message(data: Mapping[str, Any], read: Collection[str]) -> None:
    """Raises ValueError for the first field of a message that would be lost."""
    for name, value in data.items():
        # `prefix` and `partial` ask for the reply to go on with the message.
        if name not in read and name not in _HARMLESS_IN_MESSAGES and not _is_neutral(value, _OFF):
            raise ValueError(f"{name[:100]} is not supported by this server")


def _is_neutral(value: object, harmless: Collection[object]) -> bool:
    # False == 0 in Python, but `logprobs: 0` asks for something.
    found = (*_EMPTY, *harmless)
    return any(isinstance(value, bool) == isinstance(one, bool) and value == one for one in found)
