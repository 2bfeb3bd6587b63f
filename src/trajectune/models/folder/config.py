"""A model's configuration, read with distrust: its numbers say how much is built before a weight is seen.

The idea: before transformers sees the file, every number in it is finite, every list and nesting short,
and what is called a size is a whole number from 1 to a limit far above all known models. So what is built
from it takes bounded time; whether it agrees with the weights is looked at in
`trajectune.models.folder.weights`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from transformers import AutoConfig, PreTrainedConfig

from trajectune.errors import ModelError
from trajectune.models.folder.guard import library_errors
from trajectune.models.folder.names import CONFIG, read_object
from trajectune.storage import json_type

_SIZES: dict[str, int] = {
    **dict.fromkeys(("vocab_size", "max_position_embeddings", "n_positions", "n_ctx"), 1 << 24),
    **dict.fromkeys(("hidden_size", "intermediate_size", "head_dim", "d_model", "n_embd"), 1 << 20),
    **dict.fromkeys(("num_attention_heads", "num_key_value_heads", "n_head", "n_heads"), 1 << 14),
    **dict.fromkeys(("num_hidden_layers", "n_layer", "n_layers"), 1 << 12),
}
"""Sizes that every value of a model must keep to, with their highest value."""
_OPTIONAL = {"num_key_value_heads", "head_dim", "n_ctx"}
_COUNTS = re.compile(r"(layers?|heads?|experts?|blocks?|groups?|size|dim)(_per_\w+)?$")
_MOST, _LONGEST, _DEEPEST = 1 << 24, 1 << 20, 32


def read_config(folder: Path) -> PreTrainedConfig:
    """The configuration in a model's folder. Raises ModelError naming the file and the key."""
    path = folder / CONFIG
    check_values(read_object(path), str(path))
    with library_errors(path, "the configuration cannot be used"):
        return AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)


def check_values(config: dict[str, Any], where: str) -> None:
    """Raises ModelError for values that no model has."""
    for key, value, depth in _walk(config):
        name = key.rpartition(".")[2]
        if depth > _DEEPEST or (isinstance(value, list | dict) and len(value) > _LONGEST):
            raise _wrong(key, "is nested too deep or too long", where)
        if name in _SIZES:
            if value is not None or (depth == 1 and name not in _OPTIONAL):
                _check_size(key, value, where)
        elif isinstance(value, int) and _COUNTS.search(name) and not -1 <= value <= _MOST:
            raise _wrong(key, f"is {value:,}, which no model has", where)


def _check_size(key: str, value: Any, where: str) -> None:
    name = key.rpartition(".")[2]
    most = _SIZES[name]
    values = value if isinstance(value, list) and value and name == "intermediate_size" else [value]
    for each in values:
        if not isinstance(each, int) or isinstance(each, bool):
            raise _wrong(key, f"must be a whole number, found {json_type(each)}", where)
        if not 1 <= each <= most:
            raise _wrong(key, f"is {each:,}; it must be from 1 to {most:,}", where)


def _walk(value: dict[str, Any]) -> Iterator[tuple[str, Any, int]]:
    """Every value with its dotted key and its depth; the elements of lists have their list's key."""
    stack: list[tuple[str, Any, int]] = [("", value, 0)]
    while stack:
        key, each, depth = stack.pop()
        if key:
            yield key, each, depth
        if isinstance(each, dict):
            head = f"{key}." if key else ""
            stack += [(f"{head}{name}", inner, depth + 1) for name, inner in each.items()]
        elif isinstance(each, list):
            stack += [(key, inner, depth + 1) for inner in each if isinstance(inner, dict | list)]


def _wrong(key: str, what: str, where: str) -> ModelError:
    return ModelError(
        f"the configuration is not a model's: `{key}` {what}",
        where=where,
        remedy="put the file back as the model's makers have it",
    )
