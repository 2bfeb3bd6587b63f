"""What is decoded: a weighted sum of models' logits, of which a single model is the simplest case.

    log p(x | prefix) = Σᵢ wᵢ ℓᵢ(x | prefix) − log Z

The idea: one model, an interpolation of two, and a small model's change carried over to a large one
(emulated fine-tuning, Mitchell et al. 2023: weights 1, 1, −1) are the same thing to the engine; the
ready-made ones are in `trajectune.composition.presets`. A model's logits, soft caps and scalings applied,
serve as ℓᵢ, since the constant by which they differ from log-probabilities goes into Z; only a
`WeightFilter` needs them normalised. The published method normalises per token, so "exact" here means exact
with respect to this formula, token by token.

Invariants: all terms speak about the tokens of the first one; the sum is taken in fp32 whatever the
models' dtype.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from trajectune.errors import ModelError
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel
from trajectune.models.vocabulary import alignment, output_rows
from trajectune.trajectory import Tool


@dataclass(frozen=True, slots=True)
class Term:
    """One model with its weight in the sum."""

    model: LoadedModel
    weight: float = 1.0
    name: str = ""
    """What requests, reports and errors call the term; the model's name if empty."""
    system: str | None = None
    """System message that this term reads in place of the conversation's."""
    ids: Mapping[int, int] | None = None
    """This model's id for each id of the first term's model, where the two differ."""


@dataclass(frozen=True, slots=True)
class WeightFilter:
    """Keeps the change of weight to tokens that the anchor thinks likely (EFT, conservative up-scaling).

    Outside the smallest set of tokens that reaches `top_p` under the term `anchor` alone, the score is the
    anchor's: all other weights count as 0. The paper's effect is mild: 0.300 factual errors per prompt
    without, 0.289 at 0.95, more than without at 0.9 and below.
    """

    anchor: str
    top_p: float


@dataclass(frozen=True)
class Composition:
    """The terms of the sum; the first one lends its tokenizer and chat template.

    `draft` names the term that proposes tokens under speculative decoding. In its place `drafter`, a model
    that has no say in the sum, may propose them; it must have all of the tokens under the same ids. Raises
    ModelError when there is no term, two have one name, vocabularies do not fit, or a name is unknown.
    """

    terms: tuple[Term, ...]
    weight_filter: WeightFilter | None = None
    draft: str | None = None
    drafter: LoadedModel | None = None

    def __post_init__(self) -> None:
        if not self.terms:
            raise ModelError("a composition needs at least one model")
        if len(set(self.names)) < len(self.names):
            raise ModelError(f"two terms of the composition have one name: {', '.join(self.names)}")
        for name in (self.weight_filter.anchor if self.weight_filter else None, self.draft):
            if name is not None:
                self.index(name)
        self.alignments  # noqa: B018 - computed now, so that what does not fit is refused at once
        if self.drafter is not None:
            self._check_drafter(self.drafter)

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

    @cached_property
    def end_tokens(self) -> tuple[int, ...]:
        """Tokens that end a reply: the first term's, and those of all others that speak of the same ids.

        A tuned term may have learnt another end than the untuned model that leads.
        """
        pairs = zip(self.terms, self.alignments, strict=True)
        others = [end for term, ids in pairs if ids is None for end in term.model.own_ends]
        return tuple(dict.fromkeys((*self.lead.end_tokens, *others)))

    @property
    def name(self) -> str:
        """The formula, for people; a single model's own name."""
        if len(self.terms) == 1 and self.terms[0].weight == 1:
            return self.terms[0].name or self.lead.name
        parts = [f"{term.weight:+g}·{name}" for term, name in zip(self.terms, self.names, strict=True)]
        return " ".join(parts).removeprefix("+")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Each term's name, `model#2` for the second of the same model."""
        found: list[str] = []
        for term in self.terms:
            name = term.name or term.model.name
            same = sum(other == name or other.startswith(f"{name}#") for other in found)
            found.append(f"{name}#{same + 1}" if same and not term.name else name)
        return tuple(found)

    @cached_property
    def alignments(self) -> tuple[torch.Tensor | None, ...]:
        """Each term's ids for the first term's ids (`trajectune.models.vocabulary.alignment`)."""
        return (None, *(alignment(self.lead, term.model, term.ids) for term in self.terms[1:]))

    @property
    def max_context(self) -> int:
        """Positions that every term and the drafter can see, in tokens."""
        drafters = [] if self.drafter is None else [self.drafter]
        return min(model.max_context for model in (*(term.model for term in self.terms), *drafters))

    def index(self, name: str) -> int:
        """Place of a term. Raises ModelError for an unknown name."""
        if name not in self.names:
            raise ModelError(
                f"the composition has no term {name!r}", remedy=f"choose among {', '.join(self.names)}"
            )
        return self.names.index(name)

    def weights(self, changes: Mapping[str, float]) -> tuple[float, ...]:
        """The terms' weights with some of them replaced, by name; for `Request.weights`."""
        found = [term.weight for term in self.terms]
        for name, weight in changes.items():
            found[self.index(name)] = weight
        return tuple(found)

    def prompts(
        self,
        messages: Sequence[Message],
        tokens: list[int],
        tools: Sequence[Tool] = (),
        variables: Mapping[str, Any] | None = None,
    ) -> tuple[list[int], ...] | None:
        """Each term's prompt for a conversation whose plain prompt is `tokens`; None where all read that.

        `variables` as in `ChatRenderer.prompt`.

        Terms with a system message of their own read it in place of the conversation's.
        """
        if all(term.system is None for term in self.terms):
            return None
        renderer = renderer_of(self.tokenizer)
        return tuple(
            tokens
            if term.system is None
            else renderer.prompt(_with_system(messages, term.system), tools, variables)
            for term in self.terms
        )

    def known(self, logits: torch.Tensor) -> torch.Tensor:
        """One term's logits `[..., vocabulary]`, cut to the tokens that all terms know."""
        logits = logits[..., : self._width].float()
        unknown = self._unknown
        if unknown is None:
            return logits
        return logits.masked_fill(unknown[: self._width].to(logits.device), -torch.inf)

    def combine(self, logits: Sequence[torch.Tensor | None], weights: torch.Tensor) -> torch.Tensor:
        """Scores `[rows, vocabulary]` in fp32 from one tensor of that shape per term.

        `weights` is `[rows, terms]`; a term whose weights are all 0 may be None. Vocabularies padded to
        different sizes are cut to the smallest; tokens that a term does not know get −∞.
        """
        if len(self.terms) == 1 and self.weight_filter is None:
            only = logits[0]
            assert only is not None
            return only.float() * weights
        width, device = self._width, weights.device
        parts = [None if part is None else part[:, :width].to(device).float() for part in logits]
        return self.known(
            self._sum(parts, weights) if self.weight_filter is None else self._filtered(parts, weights)
        )

    def _sum(self, parts: Sequence[torch.Tensor | None], weights: torch.Tensor) -> torch.Tensor:
        total: torch.Tensor | None = None
        for index, part in enumerate(parts):
            if part is not None:
                weighted = part * weights[:, index, None]
                total = weighted if total is None else total.add_(weighted)
        assert total is not None
        return total

    def _filtered(self, parts: Sequence[torch.Tensor | None], weights: torch.Tensor) -> torch.Tensor:
        """Not invariant to shifts, so every part is normalised first."""
        assert self.weight_filter is not None
        anchor = self.index(self.weight_filter.anchor)
        logs = [None if part is None else part.log_softmax(-1) for part in parts]
        reference = logs[anchor]
        assert reference is not None
        ranked, tokens = reference.exp().sort(-1, descending=True)
        likely = ranked.cumsum(-1) - ranked < self.weight_filter.top_p
        inside = torch.zeros_like(likely).scatter(-1, tokens, likely)
        alone = reference * weights[:, anchor, None]
        return torch.where(inside, self._sum(logs, weights), alone)

    def _check_drafter(self, drafter: LoadedModel) -> None:
        alignment(self.lead, drafter)
        if output_rows(drafter) < self._width:
            raise ModelError(
                f"the drafting model has {output_rows(drafter):,} tokens, the composition {self._width:,}",
                where=drafter.name,
                remedy="let a model of the same family draft, or the composition's own small one",
            )

    @cached_property
    def _width(self) -> int:
        """Columns that all terms have."""
        pairs = zip(self.terms, self.alignments, strict=True)
        return min(output_rows(term.model) if ids is None else len(ids) for term, ids in pairs)

    @cached_property
    def _unknown(self) -> torch.Tensor | None:
        """Ids of the first term that some other term does not have, `[vocabulary]`."""
        masks = [found < 0 for found in self.alignments if found is not None]
        return torch.stack([mask.cpu() for mask in masks]).any(0) if masks else None


def _with_system(messages: Sequence[Message], system: str) -> list[Message]:
    rest = [message for message in messages if message.role != "system"]
    return [Message(role="system", content=system), *rest]
