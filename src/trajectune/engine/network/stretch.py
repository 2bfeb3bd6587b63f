"""Models that turn their heads otherwise as soon as a sequence is longer than those they first learnt from.

The idea: LongRoPE (Phi-3 and Phi-4 for long contexts) has two sets of frequencies, and the library chooses
by the largest position of a pass. In a pass over many conversations that would be another one's position,
so whoever plans a pass says which set it is for, and puts only rows of one set into it. A row that grows
beyond the limit is read anew, since its keys were turned by the other set; `generate` does the same.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from trajectune.models.loading import LoadedModel


def stretching(model: nn.Module) -> list[Any]:
    """The rotary modules that have two sets of frequencies."""
    return [module for module in model.modules() if getattr(module, "rope_type", None) == "longrope"]


def stretch_limit(loaded: LoadedModel) -> int | None:
    """The longest sequence that is read with the first set; None: the model has only one."""
    modules = stretching(loaded.model)
    return int(modules[0].config.rope_parameters["original_max_position_embeddings"]) if modules else None


@contextmanager
def stretched(modules: Sequence[nn.Module], limit: int) -> Iterator[None]:
    """Lets these modules choose as for a sequence beyond the limit, whatever positions they are given."""

    def append(_: nn.Module, args: tuple[Any, ...], options: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        hidden, positions = args[0], options["position_ids"] if len(args) == 1 else args[1]
        beyond = torch.full_like(positions[:, :1], limit)
        return (hidden, torch.cat([positions, beyond], 1)), {}

    def cut(_: nn.Module, __: Any, output: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor, ...]:
        return tuple(part[:, :-1] for part in output)

    with ExitStack() as hooks:
        for module in modules:
            for handle in (
                module.register_forward_pre_hook(append, with_kwargs=True),
                module.register_forward_hook(cut),
            ):
                hooks.callback(handle.remove)
        yield
