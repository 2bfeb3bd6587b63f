"""What is decoded: a weighted sum of models' logits, of which a single model is the simplest case.

    log p(x | prefix) = Σᵢ wᵢ ℓᵢ(x | prefix) − log Z

The idea: one model, an interpolation of two, and a small model's change carried over to a large one
(emulated fine-tuning: weights 1, β, −β) are the same thing to the engine. Raw logits serve as ℓᵢ, since
the constant by which they differ from log-probabilities goes into Z.

Invariants: all terms speak about the same tokens; the sum is taken in fp32 whatever the models' dtype.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers import PreTrainedTokenizerBase

from agenttune.decode.loading import LoadedModel
from agenttune.errors import ModelError


@dataclass(frozen=True, slots=True)
class Term:
    """One model with its weight in the sum."""

    model: LoadedModel
    weight: float = 1.0


@dataclass(frozen=True)
class Composition:
    """The terms of the sum; the first one lends its tokenizer, chat template and end tokens.

    Raises ModelError when there is no term or when two terms do not share their vocabulary.
    """

    terms: tuple[Term, ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ModelError("a composition needs at least one model")
        first = self.terms[0].model
        for term in self.terms[1:]:
            if term.model.tokenizer.get_vocab() != first.tokenizer.get_vocab():
                raise ModelError(
                    "the models of a composition must share their tokenizer",
                    where=f"{first.name} and {term.model.name}",
                    remedy="choose models of one family",
                )

    @classmethod
    def single(cls, model: LoadedModel) -> Composition:
        """The composition of one model, with weight 1."""
        return cls((Term(model),))

    @property
    def lead(self) -> LoadedModel:
        """The first term's model."""
        return self.terms[0].model

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        return self.lead.tokenizer

    @property
    def max_context(self) -> int:
        """Positions that every term can see, in tokens."""
        return min(term.model.max_context for term in self.terms)

    def combine(self, logits: Sequence[torch.Tensor]) -> torch.Tensor:
        """Σᵢ wᵢ ℓᵢ in fp32 from one `[rows, vocabulary]` tensor per term, in the order of the terms.

        Vocabularies padded to different sizes are cut to the smallest.
        """
        width = min(part.shape[-1] for part in logits)
        first = logits[0]
        total = first[:, :width].float() * self.terms[0].weight
        for term, part in zip(self.terms[1:], logits[1:], strict=True):
            total += term.weight * part[:, :width].float().to(first.device)
        return total
