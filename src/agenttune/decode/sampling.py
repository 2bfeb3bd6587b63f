"""Choosing the next token from the composed scores.

Invariants: each row draws from its own generator, one number per token, and looks at no other row; the
order of the rules is that of transformers (temperature, top-k, top-p); all of it in fp32.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from agenttune.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a row chooses. The default is greedy."""

    temperature: float = 0.0
    """0 is greedy."""
    top_k: int = 0
    """Only the k likeliest tokens; 0 is all."""
    top_p: float = 1.0
    """Only the likeliest tokens that together reach this probability (Holtzman et al. 2020)."""

    def __post_init__(self) -> None:
        if self.temperature < 0 or self.top_k < 0 or not 0 < self.top_p <= 1:
            raise RecipeError(
                f"impossible sampling: {self}", remedy="use temperature ≥ 0, top_k ≥ 0 and 0 < top_p ≤ 1"
            )


def choose(
    scores: torch.Tensor, rules: Sequence[Sampling], generators: Sequence[torch.Generator]
) -> list[int]:
    """One token per row of `scores` `[rows, vocabulary]`, which need not be normalised."""
    tokens = scores.argmax(-1).tolist()
    for row, (rule, generator) in enumerate(zip(rules, generators, strict=True)):
        if rule.temperature > 0:
            tokens[row] = _draw(scores[row].float(), rule, generator)
    return tokens


def _draw(scores: torch.Tensor, rule: Sampling, generator: torch.Generator) -> int:
    probabilities, tokens = candidates(scores, rule)
    point = torch.rand((), generator=generator).to(scores.device)  # the generator lives on the CPU
    cumulative = probabilities.cumsum(0)
    place = torch.searchsorted(cumulative, point * cumulative[-1], right=True)
    return int(tokens[place.clamp(max=len(tokens) - 1)])


def candidates(scores: torch.Tensor, rule: Sampling) -> tuple[torch.Tensor, torch.Tensor]:
    """Probabilities (not normalised again after top-p) and ids of the tokens that `rule` leaves.

    `scores` is `[vocabulary]`; where anything is cut, the tokens come likeliest first.
    """
    scores = scores / rule.temperature
    if rule.top_k:
        kept, tokens = scores.topk(min(rule.top_k, len(scores)))
        return _nucleus(kept.softmax(0), tokens, rule.top_p)
    probabilities = scores.softmax(0)
    if rule.top_p == 1:
        return probabilities, torch.arange(len(scores), device=scores.device)
    likely, tokens = probabilities.topk(min(_NUCLEUS_GUESS, len(scores)))
    if likely.sum() < rule.top_p:
        likely, tokens = probabilities.sort(descending=True)
    return _nucleus(likely, tokens, rule.top_p)


_NUCLEUS_GUESS = 1024  # sorting a whole vocabulary costs more than the forward pass of a small model


def _nucleus(
    probabilities: torch.Tensor, tokens: torch.Tensor, top_p: float
) -> tuple[torch.Tensor, torch.Tensor]:
    before = probabilities.cumsum(0) - probabilities
    count = max(int((before < top_p).sum()), 1)
    return probabilities[:count], tokens[:count]
