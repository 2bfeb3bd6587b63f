"""Weighted cross-entropy in chunks, and the weights that hold η."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from trajectune.tune.model.loss import source_weights, weighted_cross_entropy


@pytest.mark.parametrize("chunk", [1, 3, 512])
def test_equals_plain_cross_entropy(monkeypatch: pytest.MonkeyPatch, chunk: int) -> None:
    monkeypatch.setattr("trajectune.tune.model.loss.CHUNK", chunk)
    torch.manual_seed(0)
    hidden, head = torch.randn(7, 5, requires_grad=True), torch.randn(11, 5, requires_grad=True)
    labels, weights = torch.randint(0, 11, (7,)), torch.rand(7)
    expected = torch.nn.functional.cross_entropy(hidden @ head.t(), labels, reduction="none")
    wanted = torch.autograd.grad(3 * (expected * weights).sum(), (hidden, head))
    loss, losses = weighted_cross_entropy(hidden, head, labels, weights)
    torch.testing.assert_close(losses, expected.detach())
    found = torch.autograd.grad(3 * loss, (hidden, head))
    for a, b in zip(found, wanted, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("chunk", [1, 3, 512])
def test_a_teacher_gives_the_cross_entropy_against_its_law(
    monkeypatch: pytest.MonkeyPatch, chunk: int
) -> None:
    monkeypatch.setattr("trajectune.tune.model.loss.CHUNK", chunk)
    torch.manual_seed(0)
    hidden, head = torch.randn(7, 5, requires_grad=True), torch.randn(11, 5, requires_grad=True)
    states, its_head, weights = torch.randn(7, 3), torch.randn(11, 3), torch.rand(7)
    distribution = torch.softmax(states @ its_head.t(), -1)
    expected = torch.nn.functional.cross_entropy(hidden @ head.t(), distribution, reduction="none")
    wanted = torch.autograd.grad((expected * weights).sum(), (hidden, head))
    labels = torch.zeros(7, dtype=torch.long)
    loss, losses = weighted_cross_entropy(hidden, head, labels, weights, (states, its_head))
    torch.testing.assert_close(losses, expected.detach())
    for a, b in zip(torch.autograd.grad(loss, (hidden, head)), wanted, strict=True):
        torch.testing.assert_close(a, b)


def test_a_frozen_head_gets_no_gradient() -> None:
    hidden, head = torch.randn(3, 4, requires_grad=True), torch.randn(6, 4)
    weighted_cross_entropy(hidden, head, torch.tensor([1, 2, 3]), torch.ones(3))[0].backward()
    assert hidden.grad is not None
    assert head.grad is None


def test_eta_by_hand() -> None:
    # η = 0.2: 10 agent tokens share 0.2, 4 tokens of one general source 0.16, 8 of the other 0.64.
    shares = {"agent": 0.2, "gpt-4": 0.16, "gpt-3.5": 0.64}
    weights = source_weights(np.array([10.0, 4.0, 8.0]), ["agent", "gpt-4", "gpt-3.5"], shares)
    assert weights.tolist() == pytest.approx([0.02, 0.04, 0.08])


def test_an_absent_source_gives_its_share_to_the_others() -> None:
    shares = {"agent": 0.2, "gpt-4": 0.2, "gpt-3.5": 0.6}
    weights = source_weights(np.array([10.0, 0.0, 5.0]), ["agent", "gpt-4", "gpt-3.5"], shares)
    assert weights.tolist() == pytest.approx([0.25 / 10, 0.0, 0.75 / 5])
