"""A LoRA adapter's folder, checked and put around a base model.

The idea: PEFT builds an adapter from `adapter_config.json` and fills it from the weight file, warning at
most where the two do not agree. Here they must: the rank is the one that the weights have, no factor is
missing or left over. An adapter that was saved with an embedding of more (or fewer) rows brings that many
rows to the model.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from torch import nn
from transformers import GenerationConfig, PreTrainedModel

from trajectune.errors import ModelError
from trajectune.models.guard import library_errors
from trajectune.models.names import ADAPTER_CONFIG, ADAPTER_WEIGHTS, adapter_settings
from trajectune.models.weights import Shapes, check_names, read_shapes

_FACTORS = re.compile(r"\.lora_(A|B)\.|\.lora_magnitude_vector")
_PLAIN_INITS = (True, False, None, "gaussian", "orthogonal", "eva")
"""Ways to begin an adapter that leave the base model's weights as they are."""
_PREFIX = "base_model.model."


def brings_only_factors(folder: Path) -> bool:
    """Whether an adapter leaves everything of its base as it is: only then can they share it in memory."""
    plain = adapter_settings(folder).get("init_lora_weights", True) in _PLAIN_INITS
    return plain and all(map(_FACTORS.search, read_shapes([folder / ADAPTER_WEIGHTS])))


def put_adapter(model: PreTrainedModel, folder: Path, *, base: str) -> Any:
    """PEFT's model of `model` with the adapter in `folder` around its layers; `model` is changed.

    Raises ModelError for what does not fit.
    """
    from peft import LoraConfig, PeftModel  # only needed here, and slow to import

    shapes = read_shapes([folder / ADAPTER_WEIGHTS])
    _check_settings(adapter_settings(folder), shapes, str(folder / ADAPTER_CONFIG))
    with library_errors(folder, f"the adapter does not fit its base model, {base}"):
        _resize(model, shapes, folder)
        config = LoraConfig.from_pretrained(str(folder))
        config.inference_mode = True
        adapted: Any = PeftModel(model, config)
        mapping = getattr(model, "_checkpoint_conversion_mapping", {})
        found = adapted.load_adapter(str(folder), "default", key_mapping=mapping)
        check_names(found.missing_keys, found.unexpected_keys, (), folder)
    return adapted


def take_generation(model: PreTrainedModel, folder: Path) -> None:
    """Let a `generation_config.json` beside an adapter count for the model, in place of its base's."""
    if (folder / "generation_config.json").is_file():
        with library_errors(folder / "generation_config.json"):
            model.generation_config = GenerationConfig.from_pretrained(str(folder), local_files_only=True)


def _check_settings(settings: dict[str, Any], shapes: Shapes, where: str) -> None:
    kind = settings.get("peft_type")
    if kind != "LORA":
        raise ModelError(
            f"adapters of type {kind!r} are not supported", where=where, remedy="use a LoRA adapter"
        )
    most = max((min(shape) for name, shape in shapes.items() if "lora_" in name and shape), default=0)
    patterns = settings.get("rank_pattern") or {}
    named = [settings.get("r"), *(patterns.values() if isinstance(patterns, dict) else [patterns])]
    for rank in named:
        if not isinstance(rank, int) or not 1 <= rank <= most:
            raise ModelError(
                f"the adapter's configuration says rank {rank!r}, its weights have {most}",
                where=where,
                remedy="copy the adapter's files again from where they came, or tune it again",
            )
    steps = re.fullmatch(r"pissa_niter_\d{3,}", str(settings.get("init_lora_weights")))
    if steps or settings.get("megatron_config") or settings.get("layer_replication"):
        raise ModelError(
            "the adapter asks for more than low-rank factors: layers copied, another framework, or a "
            "thousand steps to begin with",
            where=where,
            remedy="use a plain LoRA adapter",
        )


def _resize(model: PreTrainedModel, shapes: Shapes, folder: Path) -> None:
    """Give the embeddings as many rows as the adapter's own have."""
    names = {id(module): name for name, module in model.named_modules()}
    ends = [model.get_input_embeddings(), model.get_output_embeddings()]
    keys = [f"{_PREFIX}{names.get(id(end), '')}" for end in ends]
    rows = {
        shapes[name][0]
        for key in keys
        for name in (f"{key}.weight", f"{key}.base_layer.weight")
        if shapes.get(name)
    }
    if len(rows) > 1:
        raise ModelError(
            f"the adapter's embedding and head have {sorted(rows)[0]:,} and {sorted(rows)[-1]:,} rows",
            where=str(folder),
            remedy="save both with the same number of rows",
        )
    held: Any = ends[0]
    if isinstance(held, nn.Module) and rows and rows != {held.weight.shape[0]}:
        model.resize_token_embeddings(rows.pop(), mean_resizing=False)
