"""LoRA adapters that count as models of their own and share the weights of their base in memory.

The idea: PEFT puts an adapter around the layers of a copy of the base model that has the base's own
parameters. `load_model` merges an adapter instead, which is faster and takes a whole model's memory; a
composition of several adapters over one base (and the base itself) uses this.

Invariant: the base model is not changed, and every parameter that an adapter does not add is the base's.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from trajectune.models.folder.lora import brings_only_factors, put_adapter
from trajectune.models.folder.names import adapter_base, resolve_model
from trajectune.models.identity import check_template
from trajectune.models.int8 import Int8Linear
from trajectune.models.loading import LoadedModel, load_model, of_adapter, rounded
from trajectune.models.quiet import quiet


def load_sharing(
    names: Sequence[str],
    dtype: str = "auto",
    device: str = "auto",
    *,
    allow_other_template: bool = False,
) -> dict[str, LoadedModel]:
    """The models by name: equal ones once, and adapters over the one copy of their base. Raises ModelError.

    A single adapter whose base is not asked for otherwise is merged, as `load_model` does; so is one that
    brings more than low-rank factors (an embedding of its own, other weights of the base).
    """
    if dtype == "int8":
        whole = load_sharing(names, "bfloat16", device, allow_other_template=allow_other_template)
        done: dict[int, Int8Linear] = {}
        found = {id(model): rounded(model, done) for model in {id(m): m for m in whole.values()}.values()}
        return {name: found[id(model)] for name, model in whole.items()}
    sources = {name: resolve_model(name) for name in names}
    distinct = set(sources.values())
    bases = {source: base for source in distinct if (base := adapter_base(source)) is not None}
    wanted = list(bases.values())
    loaded: dict[Path | str, LoadedModel] = {}

    def of(source: Path | str, name: str) -> LoadedModel:
        if source in loaded:
            return loaded[source]
        base = bases.get(source)
        shared = base is not None and (base in distinct or wanted.count(base) > 1)
        if base is not None and shared and brings_only_factors(Path(source)):
            loaded[source] = attach(Path(source), of(base, str(base)), name)
            if not allow_other_template:
                check_template(source, loaded[source].tokenizer)
        else:
            loaded[source] = load_model(name, dtype, device, allow_other_template=allow_other_template)
        return loaded[source]

    return {name: of(source, name) for name, source in sources.items()}


def attach(folder: Path, base: LoadedModel, name: str = "") -> LoadedModel:
    """The adapter in `folder` over `base`, whose parameters both then hold. Raises ModelError.

    The adapter must be one that `brings_only_factors`.
    """
    # Deep copies take from the memo what is in it: all modules are new, all tensors are the base's.
    tensors = [*base.model.parameters(), *base.model.buffers()]
    twin = copy.deepcopy(base.model, {id(tensor): tensor for tensor in tensors})
    with quiet():
        model = put_adapter(twin, folder, base=base.name).get_base_model().eval()
        tokenizer = of_adapter(model, base.tokenizer, folder)
    for key, weight in model.named_parameters():
        if ".lora_" in key:  # the base's tensors, fp32 buffers among them, stay as they are
            weight.data = weight.data.to(base.device, base.dtype)
    return replace(base, model=model, tokenizer=tokenizer, name=name or str(folder))


def plain(module: torch.nn.Module) -> torch.nn.Module:
    """The layer itself, below an adapter around it."""
    return module.get_base_layer() if hasattr(module, "get_base_layer") else module  # pyright: ignore[reportCallIssue, reportReturnType]


def is_plain_lora(module: Any) -> bool:
    """Whether a layer is a linear one, rounded or not, with one LoRA of the ordinary kind around it."""
    from peft.tuners.lora import Linear as LoraLinear

    return (
        type(module) is LoraLinear
        and type(module.get_base_layer()) in (torch.nn.Linear, Int8Linear)
        and len(module.active_adapters) == 1
        and not module.merged
        and not module.lora_variant
        and not any(module.lora_bias.values())
    )


def low_rank_factors(module: Any) -> tuple[torch.Tensor, torch.Tensor] | None:
    """A `[rank, in]` and s·B `[out, rank]` of the LoRA around a layer; `None` for a layer without one."""
    if not hasattr(module, "lora_A"):
        return None
    name = module.active_adapters[0]
    return module.lora_A[name].weight.detach(), module.lora_B[name].weight.detach() * module.scaling[name]
