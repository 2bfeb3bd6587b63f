"""From composed scores to a distribution, and from a distribution to a token.

The idea: every way of decoding (one model, several, speculative) goes through `probabilities`, so that
they all draw from the same distribution, and through `draw`, which turns one random number into a token.

Invariants: the rules and their order are those of transformers (repetition penalty, temperature, top-k,
top-p, min-p); rows are independent of each other; all of it in fp32; temperature 0 puts everything on the
likeliest token.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from trajectune.errors import RecipeError


@dataclass(frozen=True, slots=True)
class Sampling:
    """How a row chooses. The default is greedy."""

    temperature: float = 0.0
    """0 is greedy."""
    top_k: int = 0
    """Only the k likeliest tokens; 0 is all."""
    top_p: float = 1.0
    """Only the likeliest tokens that together reach this probability (Holtzman et al. 2020)."""
    min_p: float = 0.0
    """Only tokens at least this share as likely as the likeliest (Nguyen et al. 2024)."""
    repetition_penalty: float = 1.0
    """Scores of tokens in the prompt or reply are divided by this if positive, else multiplied (CTRL,
    Keskar et al. 2019)."""

    def __post_init__(self) -> None:
        possible = (
            self.temperature >= 0
            and self.top_k >= 0
            and 0 < self.top_p <= 1
            and 0 <= self.min_p <= 1
            and self.repetition_penalty > 0
        )
        if not possible:
            raise RecipeError(
                f"impossible sampling: {self}",
                remedy="use temperature, top_k ≥ 0, 0 < top_p ≤ 1, 0 ≤ min_p ≤ 1, repetition_penalty > 0",
            )


def is_greedy(rules: Sequence[Sampling]) -> bool:
    """Whether all rows just take the likeliest token of their (unpenalised) scores."""
    return all(rule.temperature == 0 and rule.repetition_penalty == 1 for rule in rules)


def probabilities(
    scores: torch.Tensor, rules: Sequence[Sampling], prefixes: Sequence[Sequence[int]] = ()
) -> torch.Tensor:
    """The distribution `[rows, vocabulary]` of each row's next token, normalised.

    `scores` of that shape need not be normalised. `prefixes` (what each row has read and written so far)
    are only needed for repetition penalties.
    """
    scores = _penalised(scores.float(), rules, prefixes)
    greedy = _column([rule.temperature == 0 for rule in rules], scores)
    scores = scores / _column([rule.temperature or 1.0 for rule in rules], scores)
    distribution = _top_k(scores, rules).softmax(-1)
    distribution = _min_p(_top_p(distribution, rules), rules)
    if not greedy.any():
        return distribution
    likeliest = torch.zeros_like(distribution).scatter_(-1, scores.argmax(-1, keepdim=True), 1.0)
    return torch.where(greedy, likeliest, distribution)


_BLOCK = 256  # entries added up at once: a cumulative sum of the whole vocabulary costs several passes


def draw(distribution: torch.Tensor, points: torch.Tensor) -> torch.Tensor:
    """One token per row of `distribution` `[rows, vocabulary]` from one number in [0, 1) per row, `[rows]`.

    The distribution need not be normalised. Sums are in fp64: in fp32 a vocabulary's rounding would show.
    First the block of the vocabulary is found, then the token in it.
    """
    blocks = torch.nn.functional.pad(distribution, (0, -distribution.shape[-1] % _BLOCK)).view(
        len(distribution), -1, _BLOCK
    )
    ends = blocks.sum(-1, dtype=torch.float64).cumsum(-1)
    targets = points.to(distribution.device, torch.float64)[:, None] * ends[:, -1:]
    block = _above(ends, targets)
    inside = blocks.gather(1, block[..., None].expand(-1, -1, _BLOCK))[:, 0].double().cumsum(-1)
    before = torch.where(block > 0, ends.gather(1, (block - 1).clamp(min=0)), 0.0)
    token = _above(inside, targets - before)
    return (block * _BLOCK + token)[:, 0]


def _above(sums: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """First place in each row whose sum is larger than the row's target, `[rows, 1]`.

    Rounding must not lead beyond what there is, nor to an entry that adds nothing.
    """
    most = torch.nextafter(sums[:, -1:], torch.zeros_like(sums[:, -1:]))
    return torch.searchsorted(sums, targets.clamp(min=0).minimum(most), right=True)


def _column(values: Sequence[float | bool], like: torch.Tensor) -> torch.Tensor:
    return torch.tensor(values, device=like.device)[:, None]


def _penalised(
    scores: torch.Tensor, rules: Sequence[Sampling], prefixes: Sequence[Sequence[int]]
) -> torch.Tensor:
    rows = [row for row, rule in enumerate(rules) if rule.repetition_penalty != 1]
    if not rows:
        return scores
    scores = scores.clone()
    for row in rows:
        seen = torch.tensor(sorted(set(prefixes[row])), device=scores.device, dtype=torch.long)
        penalty, found = rules[row].repetition_penalty, scores[row, seen]
        scores[row, seen] = torch.where(found < 0, found * penalty, found / penalty)
    return scores


def _top_k(scores: torch.Tensor, rules: Sequence[Sampling]) -> torch.Tensor:
    size = scores.shape[-1]
    counts = [min(rule.top_k or size, size) for rule in rules]
    if min(counts) == size:
        return scores
    largest = max(count for count in counts if count < size)
    ranked = scores.topk(largest, -1).values
    limits = [
        ranked[row, count - 1] if count < size else ranked.new_tensor(-torch.inf)
        for row, count in enumerate(counts)
    ]
    return scores.masked_fill(scores < torch.stack(limits)[:, None], -torch.inf)


_NUCLEUS_GUESS = 1024  # sorting a whole vocabulary costs more than the forward pass of a small model


def _top_p(distribution: torch.Tensor, rules: Sequence[Sampling]) -> torch.Tensor:
    if all(rule.top_p == 1 for rule in rules):
        return distribution
    wanted = _column([rule.top_p for rule in rules], distribution)
    likely, tokens = distribution.topk(min(_NUCLEUS_GUESS, distribution.shape[-1]), -1)
    if ((likely.sum(-1, keepdim=True) < wanted) & (wanted < 1)).any():
        likely, tokens = distribution.sort(-1, descending=True)
    before = likely.cumsum(-1) - likely
    inside = (before < wanted) | (torch.arange(likely.shape[-1], device=distribution.device) == 0)
    likely = likely * inside
    nucleus = torch.zeros_like(distribution).scatter_(-1, tokens, likely / likely.sum(-1, keepdim=True))
    whole = wanted >= 1
    return torch.where(whole, distribution, nucleus) if whole.any() else nucleus


def _min_p(distribution: torch.Tensor, rules: Sequence[Sampling]) -> torch.Tensor:
    if all(rule.min_p == 0 for rule in rules):
        return distribution
    least = _column([rule.min_p for rule in rules], distribution) * distribution.amax(-1, keepdim=True)
    distribution = distribution.masked_fill(distribution < least, 0.0)
    return distribution / distribution.sum(-1, keepdim=True)
