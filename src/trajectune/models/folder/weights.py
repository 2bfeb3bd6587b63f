"""A model's weight files, before and after they are read: whole, and all that the configuration describes.

The idea: a safetensors file begins with the names and shapes of its tensors. They are compared with the
model that the configuration describes, built without storage, before any memory is taken; what was loaded
is compared name by name afterwards, since transformers fills what is missing with random numbers and says
so only in its log.

Invariant: a model that passes both has exactly the weights of its files.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import AutoModelForCausalLM, PreTrainedConfig

from trajectune.errors import ModelError
from trajectune.models.folder.guard import NO_SAFETENSORS, library_errors
from trajectune.models.folder.names import read_object

Shapes = dict[str, tuple[int, ...]]
"""Shapes of tensors by name."""

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
_COPY = "copy the model's files again from where they came"
_MORE = 1.25  # a description may exceed the files by tied weights that are kept once, and no more
_SPARE = 1 << 20
_MOST_BUFFER = 1 << 26


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files that transformers reads of a folder. Raises ModelError where one is absent."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if not (folder / INDEX).is_file():
        raise ModelError(
            "the folder holds no safetensors weights", where=str(folder), remedy=NO_SAFETENSORS
        )
    places = read_object(folder / INDEX).get("weight_map")
    if not isinstance(places, dict) or not places or not all(isinstance(p, str) for p in places.values()):
        raise ModelError("the index names no weight files", where=str(folder / INDEX), remedy=_COPY)
    names = sorted(set(places.values()))
    for name in names:
        if Path(name).name != name or not (folder / name).is_file():
            raise ModelError(
                f"the index names a weight file that is not there: {name}",
                where=str(folder / INDEX),
                remedy=_COPY,
            )
    return [folder / name for name in names]


def read_shapes(files: Iterable[Path]) -> Shapes:
    """Names and shapes of all tensors, from the heads of the files. Raises ModelError naming the file."""
    found: Shapes = {}
    for file in files:
        try:
            with safe_open(file, "pt") as tensors:
                found |= {name: tuple(tensors.get_slice(name).get_shape()) for name in tensors.keys()}  # noqa: SIM118
        except (OSError, ValueError, SafetensorError) as error:
            raise ModelError(
                f"the weight file is damaged: {error}", where=str(file), remedy=_COPY
            ) from error
    return found


def check_size(config: PreTrainedConfig, folder: Path) -> None:
    """Raises ModelError where the configuration describes more than the weight files hold.

    Takes milliseconds, and no memory to speak of, whatever the configuration says.
    """
    shapes = read_shapes(weight_files(folder))
    _check_layers(config, shapes, folder)
    with library_errors(folder, "no model can be built of the configuration"), torch.device("meta"):
        described: Any = AutoModelForCausalLM.from_config(config, trust_remote_code=False)
    _check_shapes(described, shapes, folder)
    wanted = sum(parameter.numel() for parameter in described.parameters())
    held = sum(torch.Size(shape).numel() for shape in shapes.values())
    if wanted > _MORE * held + _SPARE:
        raise ModelError(
            f"the configuration describes {wanted:,} weights, the files hold {held:,}",
            where=str(folder),
            remedy=_COPY,
        )
    if max((buffer.numel() for buffer in described.buffers()), default=0) > _MOST_BUFFER:
        raise ModelError(
            "the configuration asks for tables that no model has", where=str(folder), remedy=_COPY
        )


def _check_layers(config: PreTrainedConfig, shapes: Collection[str], folder: Path) -> None:
    layers = int(config.get_text_config().num_hidden_layers)
    numbers: dict[str, set[str]] = defaultdict(set)
    for name in shapes:
        if found := re.match(r"(.*?)\.(\d+)\.", name):
            numbers[found[1]].add(found[2])
    held = max(map(len, numbers.values()), default=0)
    if layers > held:
        raise ModelError(
            f"the configuration describes {layers:,} layers, the weight files hold {held:,}",
            where=str(folder),
            remedy=_COPY,
        )


def _check_shapes(described: Any, shapes: Shapes, folder: Path) -> None:
    """Compare what has the same name in both; experts are stored one by one and built as one."""
    wanted = {name: tuple(weight.shape) for name, weight in described.named_parameters()}
    unlike = [
        f"{name} {list(shapes[name])} instead of {list(shape)}"
        for name, shape in wanted.items()
        if name in shapes and shapes[name] != shape and "expert" not in name
    ]
    check_names((), (), unlike, folder)


def check_loaded(info: Mapping[str, Any], where: Path | str) -> None:
    """Raises ModelError where weights were missing, superfluous or of another shape.

    `info` is what `from_pretrained(output_loading_info=True)` gives: tied weights, and what a family is
    known to leave out, are not in it.
    """
    unlike = [f"{name} {list(held)} instead of {list(wanted)}" for name, held, wanted in _unlike(info)]
    check_names(info.get("missing_keys", ()), info.get("unexpected_keys", ()), unlike, where)
    if errors := info.get("error_msgs"):
        raise ModelError(f"the weights cannot be used: {errors[0]}", where=str(where), remedy=_COPY)


def check_names(
    missing: Collection[str],
    unexpected: Collection[str],
    unlike: Collection[str],
    where: Path | str,
    what: str = "the weights are not those of the model that is described",
) -> None:
    """Raises ModelError naming weights that are missing, unexpected, or of another shape."""
    faults = [
        f"{len(names)} {kind}: {', '.join(sorted(names)[:3])}{', …' if len(names) > 3 else ''}"
        for kind, names in (("missing", missing), ("unexpected", unexpected), ("of another shape", unlike))
        if names
    ]
    if faults:
        raise ModelError(f"{what}; {'; '.join(faults)}", where=str(where), remedy=_COPY)


def _unlike(info: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    return sorted(info.get("mismatched_keys", ()))
