"""From a model's name to a model and its tokenizer, for tuning, decoding and evaluation alike.

The idea: whatever the name stands for (`trajectune.models.folder.names`) becomes a folder, whose files are
looked at before anything is built of them: configuration, kind of model, weights, vocabulary.

Invariants: weights come from safetensors and never from pickle; no code from a model repository runs; a
model has the weights of its files and no others; whatever a user or a file can get wrong is a `ModelError`
that says what to do.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from transformers import (
    AutoModelForCausalLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from trajectune.errors import ModelError
from trajectune.models.chat.ends import turn_ends
from trajectune.models.folder.config import read_config
from trajectune.models.folder.generation import check_ends, configured_ends, read_generation
from trajectune.models.folder.guard import library_errors
from trajectune.models.folder.hub import hub_folder
from trajectune.models.folder.lora import put_adapter
from trajectune.models.folder.names import adapter_base, resolve_model
from trajectune.models.folder.support import check_supported
from trajectune.models.folder.tokenizer import check_vocabulary, has_tokenizer, read_tokenizer
from trajectune.models.folder.weights import check_loaded, check_size
from trajectune.models.identity import check_template
from trajectune.models.int8 import Int8Linear, quantize_linears
from trajectune.models.precision import fastest_dtype
from trajectune.models.quiet import quiet

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "int8": torch.bfloat16}


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A causal language model in evaluation mode, with the tokenizer that belongs to it."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    """As the user gave it; for reports."""
    precision: str = ""
    """`int8` where linear layers are rounded (`trajectune.models.int8`); else the dtype says all."""

    @property
    def device(self) -> torch.device:
        return self.model.device

    @property
    def dtype(self) -> torch.dtype:
        return self.model.dtype

    @property
    def max_context(self) -> int:
        """Positions the model was made for, in tokens."""
        config = self.model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 1 << 20)

    @property
    def own_ends(self) -> tuple[int, ...]:
        """Tokens that end a text by the model's settings: its generation config's and its tokenizer's."""
        ids = [*configured_ends(self.model), self.tokenizer.eos_token_id]
        return tuple(dict.fromkeys(int(token) for token in ids if token is not None))

    @property
    def end_tokens(self) -> tuple[int, ...]:
        """Tokens that end a reply: the model's own, and those with which its chat template ends a turn.

        A base model's own end is often another one; what is tuned under the template ends as that does.
        """
        return tuple(dict.fromkeys((*self.own_ends, *turn_ends(self.tokenizer))))


def layer_count(name: str) -> int:
    """Layers of a model, from its configuration alone. Raises ModelError."""
    source = resolve_model(name)
    config = read_config(folder_of(adapter_base(source) or source, weights=False))
    return int(config.get_text_config().num_hidden_layers)


def folder_of(source: Path | str, *, weights: bool = True) -> Path:
    """The folder of what a name was resolved to; a hub's files come first. Raises ModelError."""
    return source if isinstance(source, Path) else hub_folder(source, weights=weights)


def load_model(
    name: str, dtype: str = "auto", device: str = "auto", *, allow_other_template: bool = False
) -> LoadedModel:
    """Loads a model for inference; a folder with a LoRA adapter is merged into its base model.

    `dtype` is `float32`, `bfloat16`, `int8` (linear layers only, on a CPU) or `auto` (`fastest_dtype`);
    `device` is `cpu`, `cuda`, `cuda:1`, … or `auto` (the GPU if there is one).
    A tuned model whose tokenizer or chat template is another than the one that it was tuned with is
    refused, unless `allow_other_template`. Raises ModelError.
    """
    where = _device(device)
    number = fastest_dtype(where) if dtype == "auto" else _DTYPES.get(dtype)
    if number is None:
        raise ModelError(f"unknown dtype {dtype!r}", remedy=f"use auto, {' or '.join(_DTYPES)}")
    if dtype == "int8":
        _check_rounding(torch.device(where), name)
    source = resolve_model(name)
    with quiet():
        if (base := adapter_base(source)) is not None:
            model, tokenizer = _load_adapter(Path(source), base, number)
        else:
            model, tokenizer = _load_plain(folder_of(source), number)
        if not allow_other_template:
            check_template(source, tokenizer)
        with library_errors(name):
            model = model.to(where).eval()  # pyright: ignore[reportArgumentType]
    loaded = LoadedModel(model, tokenizer, name)
    return rounded(loaded) if dtype == "int8" else loaded


def rounded(model: LoadedModel, done: dict[int, Int8Linear] | None = None) -> LoadedModel:
    """The model with its linear layers in int8; what it was is gone. `done` as in `quantize_linears`."""
    _check_rounding(model.device, model.name)
    quantize_linears(model.model, done)
    return replace(model, precision="int8")


def _check_rounding(device: torch.device, name: str) -> None:
    if device.type != "cpu":
        raise ModelError("int8 is for the CPU", where=name, remedy="use bfloat16, or --device cpu")


def _device(device: str) -> str:
    if device == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        kind = torch.device(device).type
    except RuntimeError as error:
        raise ModelError(f"unknown device {device!r}", remedy="use auto, cpu or cuda") from error
    if kind == "cuda" and not torch.cuda.is_available():
        raise ModelError("there is no CUDA device here", remedy="use --device cpu or auto")
    return device


def _load_plain(folder: Path, dtype: torch.dtype) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    config = read_config(folder)
    check_supported(config, folder)
    check_size(config, folder)
    read_generation(folder)
    tokenizer = read_tokenizer(folder)
    check_vocabulary(tokenizer, config.get_text_config().vocab_size, folder)
    with library_errors(folder):
        loaded: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
            local_files_only=True,
            ignore_mismatched_sizes=True,  # they are named below
            attn_implementation=_attention(config),
            output_loading_info=True,
        )
    model, info = loaded
    check_loaded(info, folder)
    check_ends(model, folder)
    return model, tokenizer


def _attention(config: PreTrainedConfig) -> str | None:
    """The attention to load a model with; `None` leaves it to transformers.

    Older versions of it (5.17) give models with soft caps a fused attention that leaves the cap out.
    """
    capped = getattr(config.get_text_config(), "attn_logit_softcapping", None)
    return "eager" if capped else None


def _load_adapter(
    folder: Path, base: Path | str, dtype: torch.dtype
) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    model, tokenizer = _load_plain(folder_of(base), dtype)
    adapted = put_adapter(model, folder, base=str(base))
    with library_errors(folder, "the adapter cannot be merged into its base model"):
        merged: PreTrainedModel = adapted.merge_and_unload()
    return merged, of_adapter(merged, tokenizer, folder)


def of_adapter(
    model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, folder: Path
) -> PreTrainedTokenizerBase:
    """The adapter's own tokenizer where it has one, checked; its generation settings go to `model`."""
    if (settings := read_generation(folder)) is not None:
        model.generation_config = settings
        check_ends(model, folder)
    if has_tokenizer(folder):
        tokenizer = read_tokenizer(folder)
    rows: Any = model.get_input_embeddings()
    check_vocabulary(tokenizer, rows.weight.shape[0], folder)
    return tokenizer
