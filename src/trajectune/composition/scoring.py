"""A composition in the shape of a transformers model: logits for given tokens, with or without a cache.

The idea: what is measured on given text (loss, divergence, accuracy by likelihood) runs a model forward and
never decodes; this lets the same code measure an emulated model. The engine does not use it.

Invariant: the logits are `Composition.combine` of the models' own, with the terms' own weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from trajectune.composition.composition import Composition
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel


def as_model(composition: Composition) -> LoadedModel:
    """The composition as one loaded model; a composition of one is that model itself.

    The terms' own system messages play no part: all of them read the given text.
    """
    if len(composition.terms) == 1 and composition.terms[0].weight == 1:
        return composition.lead
    if any(ids is not None for ids in composition.alignments):
        raise ModelError("a composition with a vocabulary map cannot be measured on given text")
    lead = composition.lead
    return LoadedModel(_Composed(composition), lead.tokenizer, composition.name)  # pyright: ignore[reportArgumentType]


@dataclass
class _Output:
    logits: torch.Tensor
    past_key_values: _Caches


@dataclass
class _Caches:
    each: list[Any]

    def batch_repeat_interleave(self, repeats: int) -> None:
        for cache in self.each:
            cache.batch_repeat_interleave(repeats)


class _Composed:
    """Called like a causal language model of transformers."""

    def __init__(self, composition: Composition) -> None:
        self._composition = composition
        self.config = composition.lead.model.config
        self.generation_config = composition.lead.model.generation_config
        self.device, self.dtype = composition.lead.device, composition.lead.dtype

    def __call__(
        self, input_ids: torch.Tensor, *, past_key_values: _Caches | None = None, **options: Any
    ) -> _Output:
        parts, caches = [], []
        for index, term in enumerate(self._composition.terms):
            cache = past_key_values.each[index] if past_key_values else None
            output: Any = term.model.model(input_ids, past_key_values=cache, **options)
            parts.append(output.logits)
            caches.append(output.past_key_values)
        rows, count = parts[0].shape[:2]
        weights = torch.tensor([[term.weight for term in self._composition.terms]], device=parts[0].device)
        combined = self._composition.combine(
            [part.flatten(0, 1) for part in parts], weights.expand(rows * count, -1)
        )
        return _Output(combined.view(rows, count, -1), _Caches(caches))
