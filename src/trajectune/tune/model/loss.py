"""Cross-entropy at trained positions only, in chunks, with a weight for each target.

The idea: with 49,152 words in the vocabulary, logits of all positions would be the largest tensor of the
whole step. Only hidden states that predict a trained token meet the head, a few hundred at a time, and a
chunk's gradient is computed while its logits are at hand, so they are never kept and never made twice
(as in Liger-Kernel, Hsu et al., 2024).

The target of a position is its label, or, with a teacher, what that model expects there (Hinton et al.
2015, arXiv 1503.02531): then a position teaches the whole distribution, not one draw from it.

Weights are global: a target that n rows of source s train weighs n · share_s / N_s, where N_s counts that
source's trained tokens in the whole optimizer step, over all packs and processes. So the step's loss is
Σ_s share_s · (mean loss of source s), however the rows are packed or split. Where tokens of some labels are
to weigh more, both n and N_s count them so many times: what a source gives its thoughts it takes from its
other tokens, and its share stays what it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from trajectune.tune.data.groups import Group, sources_of
from trajectune.tune.model.head import Head

CHUNK = 512
"""Targets whose logits exist at the same time."""


def source_weights(
    counts: NDArray[np.float64], sources: Sequence[str], shares: Mapping[str, float]
) -> NDArray[np.float64]:
    """Weight of one trained token of each source: share_s / N_s, shape [S].

    `counts` holds N_s, the trained tokens of the step. A source without any gives its share to the others
    in proportion, so that the loss of every step has the same scale.
    """
    share = np.array([shares[source] for source in sources]) * (counts > 0)
    whole = share.sum() or 1.0  # 0: nothing in this step weighs anything
    return share / whole / np.where(counts > 0, counts, 1)


@dataclass(frozen=True, slots=True)
class GroupWeights:
    """What each trained token of a step weighs; G groups, S sources."""

    factors: NDArray[np.float64]
    """How often a token of each group counts within its source, shape [G]."""
    members: NDArray[np.float64]
    """1 where a group is of a source, shape [G, S]."""
    sources: NDArray[np.float64]
    """Weight of one count of each source, shape [S]."""

    def of_targets(self, counts: NDArray[np.float32]) -> NDArray[np.float64]:
        """Weight of targets that `counts` [N, G] rows train, shape [N].

        Counts are added up within sources first: exactly, as long as all factors are 1.
        """
        return ((counts * self.factors) @ self.members) @ self.sources

    def total(self, losses: NDArray[np.float64]) -> float:
        """The step's loss from the sum of −log p over each group [G]."""
        return float(((losses * self.factors) @ self.members) @ self.sources)


def group_weights(
    counts: NDArray[np.float64],
    groups: Sequence[Group],
    shares: Mapping[str, float],
    factors: NDArray[np.float64] | None = None,
) -> GroupWeights:
    """The weights of a step with `counts` [G] trained tokens of each group; see `source_weights`."""
    sources = sources_of(groups)
    members = np.array([[group.source == source for source in sources] for group in groups], np.float64)
    factors = np.ones(len(groups)) if factors is None else factors
    return GroupWeights(factors, members, source_weights((counts * factors) @ members, sources, shares))


def weighted_cross_entropy(
    hidden: Tensor,
    head: Head,
    labels: Tensor,
    weights: Tensor,
    teacher: tuple[Tensor, Head] | None = None,
) -> tuple[Tensor, Tensor]:
    """Σ weights · (−log p(label)) and, detached, each target's own −log p in fp32.

    hidden [N, E] and the head's weight [V, E] in the model's number format; labels [N]; weights [N] in
    fp32. With the hidden states and head of a `teacher` of the same vocabulary, −Σ q·log p under its
    distribution q takes the place of −log p(label).
    """
    targets = _Targets(labels, weights, teacher)
    return _ChunkedCrossEntropy.apply(hidden, head.weight, head.bias, head, targets)  # pyright: ignore[reportReturnType]


@dataclass(frozen=True, slots=True)
class _Targets:
    """What each state is to predict, and what it weighs."""

    labels: Tensor
    weights: Tensor
    teacher: tuple[Tensor, Head] | None

    def gradient(self, log_p: Tensor, part: slice, losses: Tensor) -> Tensor:
        """Fill in a chunk's `losses` and give the gradient of its logits, in fp32; `log_p` is used up."""
        weights = self.weights[part]
        if self.teacher is None:
            return _towards_labels(log_p, self.labels[part], weights, losses)
        states, head = self.teacher
        return _towards_distribution(log_p, torch.softmax(head.logits(states[part]), -1), weights, losses)


class _ChunkedCrossEntropy(torch.autograd.Function):
    """Weight and bias are the head's, named as tensors since autograd asks for their gradients."""

    @staticmethod
    def forward(
        ctx: Any, hidden: Tensor, weight: Tensor, bias: Tensor | None, head: Head, targets: _Targets
    ) -> tuple[Tensor, Tensor]:
        want_hidden, want_weight, want_bias = ctx.needs_input_grad[:3]
        losses = torch.empty(len(hidden), dtype=torch.float32, device=hidden.device)
        d_hidden = torch.empty_like(hidden) if want_hidden else None
        d_weight = torch.zeros_like(weight, dtype=torch.float32) if want_weight else None
        d_bias = torch.zeros_like(bias, dtype=torch.float32) if bias is not None and want_bias else None
        for start in range(0, len(hidden), CHUNK):
            part = slice(start, start + CHUNK)
            log_p, slope = head.log_p(hidden[part])
            gradient = targets.gradient(log_p, part, losses[part])
            if slope is not None:
                gradient *= slope
            if head.scale != 1:
                gradient *= head.scale
            gradient = gradient.to(hidden.dtype)
            if d_hidden is not None:
                d_hidden[part] = gradient @ weight
            if d_weight is not None:
                d_weight += gradient.t() @ hidden[part]
            if d_bias is not None:
                d_bias += gradient.sum(0)
        found = (d_weight, weight), (d_bias, bias)
        d_weight, d_bias = (None if d is None or of is None else d.to(of.dtype) for d, of in found)
        ctx.save_for_backward(d_hidden, d_weight, d_bias)
        ctx.mark_non_differentiable(losses)
        return (losses * targets.weights).sum(), losses

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        scaled = (None if d is None else d * grads[0].to(d.dtype) for d in ctx.saved_tensors)
        return (*scaled, None, None)


def _towards_labels(log_p: Tensor, labels: Tensor, weights: Tensor, losses: Tensor) -> Tensor:
    """Fill in the chunk's `losses` and give the gradient of its logits, in fp32."""
    at = labels.unsqueeze(1)
    losses.copy_(log_p.gather(1, at).squeeze(1).neg_())
    gradient = log_p.exp_().mul_(weights.unsqueeze(1))
    return gradient.scatter_add_(1, at, -weights.unsqueeze(1))


def _towards_distribution(log_p: Tensor, distribution: Tensor, weights: Tensor, losses: Tensor) -> Tensor:
    """The same with a distribution as the target of each position."""
    losses.copy_((distribution * log_p).sum(-1).neg_())
    return log_p.exp_().sub_(distribution).mul_(weights.unsqueeze(1))
