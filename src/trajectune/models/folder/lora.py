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

from transformers import PreTrainedModel

from trajectune.errors import ModelError
from trajectune.models.folder.guard import library_errors
from trajectune.models.folder.names import ADAPTER_CONFIG, ADAPTER_WEIGHTS, adapter_settings
from trajectune.models.folder.weights import Shapes, check_names, read_shapes

_FACTORS = re.compile(r"\.lora_(A|B)\.|\.lora_magnitude_vector")
_FIRST = re.compile(r"\.lora_A\.|\.lora_embedding_A")
"""Names of factors with a row for each rank."""
_PLAIN_INITS = (True, False, None, "gaussian", "orthogonal", "eva")
"""Ways to begin an adapter that leave the base model's weights as they are."""
_ENDS = re.compile(r"\.(embed_tokens|lm_head|wte|embed_in|embed_out|embeddings?)(\.base_layer)?\.weight$")
"""Names of a whole embedding or head among an adapter's weights."""


def brings_only_factors(folder: Path) -> bool:
    """Whether an adapter leaves everything of its base as it is: only then can they share it in memory."""
    plain = adapter_settings(folder).get("init_lora_weights", True) in _PLAIN_INITS
    return plain and all(map(_FACTORS.search, read_shapes([folder / ADAPTER_WEIGHTS])))


def put_adapter(model: PreTrainedModel, folder: Path, *, base: str) -> Any:
    """PEFT's model of `model` with the adapter in `folder` around its layers; `model` is changed.

    Raises ModelError for what does not fit.
    """
    from peft import LoraConfig, PeftModel  # only needed here, and slow to import

    check_adapter(folder)
    unfit = f"the adapter does not fit its base model, {base}"
    with library_errors(folder, unfit):
        _resize(model, embedding_rows(folder))
        config = LoraConfig.from_pretrained(str(folder))
        config.inference_mode = True
        adapted: Any = PeftModel(model, config)
        mapping = getattr(model, "_checkpoint_conversion_mapping", {})
        found = adapted.load_adapter(str(folder), "default", key_mapping=mapping)
    # PEFT saves an embedding that is trained and resized under two names.
    unexpected = [name for name in found.unexpected_keys if ".modules_to_save." not in name]
    check_names(found.missing_keys, unexpected, (), folder, unfit)
    return adapted


def check_adapter(folder: Path) -> None:
    """Raises ModelError where an adapter's configuration and weights do not go together."""
    shapes = read_shapes([folder / ADAPTER_WEIGHTS])
    _check_settings(adapter_settings(folder), shapes, str(folder / ADAPTER_CONFIG))


def embedding_rows(folder: Path) -> int:
    """Rows of the embedding and head that an adapter brings, 0 where it brings none. Raises ModelError."""
    shapes = read_shapes([folder / ADAPTER_WEIGHTS])
    rows = sorted({shape[0] for name, shape in shapes.items() if _ENDS.search(name) and shape})
    if len(rows) > 1:
        raise ModelError(
            f"the adapter's embedding and head have {rows[0]:,} and {rows[-1]:,} rows",
            where=str(folder),
            remedy="save both with the same number of rows",
        )
    return rows[0] if rows else 0


def _check_settings(settings: dict[str, Any], shapes: Shapes, where: str) -> None:
    kind = settings.get("peft_type")
    if kind != "LORA":
        raise ModelError(
            f"adapters of type {kind!r} are not supported", where=where, remedy="use a LoRA adapter"
        )
    most = max((shape[0] for name, shape in shapes.items() if _FIRST.search(name) and shape), default=0)
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


def _resize(model: PreTrainedModel, rows: int) -> None:
    """Give the embeddings as many rows as the adapter's own have, if it has any."""
    held: Any = model.get_input_embeddings()
    if rows and rows != held.weight.shape[0]:
        model.resize_token_embeddings(rows, mean_resizing=False)
