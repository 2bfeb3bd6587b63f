"""Weighted cross-entropy in chunks, and the weights that hold η."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from trajectune.tune.model.head import Head
from trajectune.tune.model.loss import source_weights, weighted_cross_entropy


def plain_logits(hidden: Tensor, head: Head) -> Tensor:
    """By definition: what the heads of Llama, Granite and Gemma 2 do."""
    logits = torch.nn.functional.linear(hidden, head.weight, head.bias) * head.scale
    return logits if head.softcap is None else head.softcap * torch.tanh(logits / head.softcap)


@pytest.mark.parametrize("chunk", [1, 3, 512])
@pytest.mark.parametrize("softcap", [None, 2.0])
@pytest.mark.parametrize("scale", [1.0, 0.25])
@pytest.mark.parametrize("biased", [False, True])
@pytest.mark.parametrize("taught", [False, True])
def test_equals_plain_cross_entropy(
    monkeypatch: pytest.MonkeyPatch,
    chunk: int,
    softcap: float | None,
    scale: float,
    biased: bool,
    taught: bool,
) -> None:
    monkeypatch.setattr("trajectune.tune.model.loss.CHUNK", chunk)
    torch.manual_seed(0)
    hidden, weight = torch.randn(7, 5, requires_grad=True), torch.randn(11, 5, requires_grad=True)
    bias = torch.randn(11, requires_grad=True) if biased else None
    head = Head(weight, bias, scale, softcap)
    states, its_head = torch.randn(7, 3), Head(torch.randn(11, 3), None, 2.0, 3.0)
    labels, weights = torch.randint(0, 11, (7,)), torch.rand(7)
    target = plain_logits(states, its_head).softmax(-1) if taught else labels
    expected = torch.nn.functional.cross_entropy(plain_logits(hidden, head), target, reduction="none")
    learnt = [part for part in (hidden, weight, bias) if part is not None]
    wanted = torch.autograd.grad(3 * (expected * weights).sum(), learnt)
    teacher = (states, its_head) if taught else None
    loss, losses = weighted_cross_entropy(hidden, head, labels, weights, teacher)
    torch.testing.assert_close(losses, expected.detach())
    for a, b in zip(torch.autograd.grad(3 * loss, learnt), wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_a_frozen_head_gets_no_gradient() -> None:
    hidden, head = torch.randn(3, 4, requires_grad=True), Head(torch.randn(6, 4))
    weighted_cross_entropy(hidden, head, torch.tensor([1, 2, 3]), torch.ones(3))[0].backward()
    assert hidden.grad is not None
    assert head.weight.grad is None


def test_eta_by_hand() -> None:
    # η = 0.2: 10 agent tokens share 0.2, 4 tokens of one general source 0.16, 8 of the other 0.64.
    shares = {"agent": 0.2, "gpt-4": 0.16, "gpt-3.5": 0.64}
    weights = source_weights(np.array([10.0, 4.0, 8.0]), ["agent", "gpt-4", "gpt-3.5"], shares)
    assert weights.tolist() == pytest.approx([0.02, 0.04, 0.08])


def test_an_absent_source_gives_its_share_to_the_others() -> None:
    shares = {"agent": 0.2, "gpt-4": 0.2, "gpt-3.5": 0.6}
    weights = source_weights(np.array([10.0, 0.0, 5.0]), ["agent", "gpt-4", "gpt-3.5"], shares)
    assert weights.tolist() == pytest.approx([0.25 / 10, 0.0, 0.75 / 5])
