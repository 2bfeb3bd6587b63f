"""AdamW on fp32 masters."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from trajectune.tune.model.optimizer import MasterAdamW
from trajectune.tune.settings import TuneSettings


def line(dtype: torch.dtype) -> nn.Linear:
    torch.manual_seed(0)
    return nn.Linear(4, 3).to(dtype)


def accumulate(layer: nn.Linear, optimizer: MasterAdamW, steps: int, rate: float = 1e-3) -> None:
    for step in range(steps):
        layer(torch.full((2, 4), 1.0 + step, dtype=layer.weight.dtype)).sum().backward()
        optimizer.step(rate, clip=None)


def test_fp32_is_plain_adamw() -> None:
    ours, theirs = line(torch.float32), line(torch.float32)
    accumulate(ours, MasterAdamW(list(ours.named_parameters()), TuneSettings()), 3)
    plain = torch.optim.AdamW(theirs.parameters(), lr=1e-3, weight_decay=0.0)
    for step in range(3):
        theirs(torch.full((2, 4), 1.0 + step)).sum().backward()
        plain.step()
        plain.zero_grad()
    torch.testing.assert_close(ours.weight, theirs.weight)


def test_small_steps_add_up_behind_bf16_weights() -> None:
    layer = line(torch.bfloat16)
    nn.init.ones_(layer.weight)
    optimizer = MasterAdamW(list(layer.named_parameters()), TuneSettings())
    before = layer.weight.detach().float()
    accumulate(layer, optimizer, 1, rate=1e-5)
    assert torch.equal(layer.weight.float(), before)  # too small for bf16 to show …
    accumulate(layer, optimizer, 400, rate=1e-5)
    assert (layer.weight.float() < before).all()  # … and not lost


def test_gradients_of_several_packs_add_up_in_fp32() -> None:
    layer = line(torch.bfloat16)
    optimizer = MasterAdamW(list(layer.named_parameters()), TuneSettings())
    for value in (1.0, 2**-9):  # 1 + 2⁻⁹ is no bf16 number
        layer(torch.full((1, 4), value, dtype=torch.bfloat16)).sum().backward()
    assert layer.weight.grad is None
    assert torch.equal(optimizer.gradients()[0], torch.full((3, 4), 1.0 + 2**-9))


def test_clipping() -> None:
    layer = line(torch.float32)
    optimizer = MasterAdamW(list(layer.named_parameters()), TuneSettings())
    layer(torch.full((1, 4), 100.0)).sum().backward()
    norm = optimizer.step(0.0, clip=1.0)
    assert norm == pytest.approx((3 * 4 * 100.0**2 + 3) ** 0.5)


def test_state_comes_back() -> None:
    first, second = line(torch.bfloat16), line(torch.bfloat16)
    a, b = (MasterAdamW(list(x.named_parameters()), TuneSettings()) for x in (first, second))
    accumulate(first, a, 3)
    weights, moments = ({k: v.clone() for k, v in part.items()} for part in a.state())
    b.restore(weights, moments, step=3)
    accumulate(first, a, 2)
    accumulate(second, b, 2)
    assert all(torch.equal(x, y) for x, y in zip(a.masters, b.masters, strict=True))
    assert torch.equal(first.weight, second.weight)
