"""On a GPU too: loss and gradients do not depend on packing, and tuning goes on from a checkpoint."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from gpu.made_up import DEVICE, random_model, rows
from support.families import FAMILIES
from trajectune.models.tiny import write_tiny_model
from trajectune.tune.checkpoint import CheckpointState
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.model.attention import ATTENTION
from trajectune.tune.model.loss import group_weights
from trajectune.tune.model.proof import prove_model
from trajectune.tune.model.trainable import TrainableModel, checkpoint_activations
from trajectune.tune.processes import Processes
from trajectune.tune.settings import LoraSettings, TuneSettings
from trajectune.tune.trainer import Trainer

Found = tuple[float, dict[str, Tensor]]


def gradients(model: torch.nn.Module) -> dict[str, Tensor]:
    taken = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
    model.zero_grad(set_to_none=True)
    return taken


def packed(model: Any, made: Sequence[TokenRow], pack_tokens: int, *, share: bool) -> Found:
    groups = groups_of(made)
    packs = pack_rows(made, range(len(made)), groups, pack_tokens, share=share)
    trained = sum(row.trained_tokens for row in made)
    weights = group_weights(np.array([trained], float), groups, {"agent": 1.0})
    model.set_attn_implementation(ATTENTION)
    sums = TrainableModel(model).accumulate(packs, weights)
    return weights.total(sums), gradients(model)


def row_by_row(model: Any, made: Sequence[TokenRow]) -> Found:
    """By the definition, with transformers' own eager attention."""
    model.set_attn_implementation("eager")
    weight, total = 1 / sum(row.trained_tokens for row in made), 0.0
    for row in made:
        tokens = torch.from_numpy(row.tokens).long().to(DEVICE)
        trained = torch.from_numpy(row.trained[1:]).to(DEVICE)
        logits = model(input_ids=tokens[None]).logits[0, :-1]
        loss = -logits.log_softmax(-1).gather(1, tokens[1:, None])[:, 0][trained].sum() * weight
        loss.backward()
        total += float(loss.detach())
    return total, gradients(model)


def assert_same(one: Found, other: Found, bound: float) -> None:
    assert abs(one[0] - other[0]) <= bound * abs(other[0])
    assert one[1].keys() == other[1].keys()
    for name, gradient in one[1].items():
        assert torch.dist(gradient, other[1][name]) <= bound * other[1][name].norm() + 1e-7, name


def test_any_packing_equals_row_by_row() -> None:
    model, made = random_model().model, rows(8, trunk=140, tail=40)
    wanted = row_by_row(model, made)
    for pack_tokens, share in ((1, False), (600, True), (600, False), (10_000, True)):
        assert_same(packed(model, made, pack_tokens, share=share), wanted, 1e-3)


def test_windows_soft_caps_and_experts_too() -> None:
    made = rows(6, trunk=140, tail=40)
    for name in ("gemma2", "gemma3", "mistral-window", "phi3", "qwen2-window", "qwen3-moe", "granite"):
        model = FAMILIES[name].network().to(DEVICE)  # pyright: ignore[reportArgumentType]
        wanted = row_by_row(model, made)
        for share in (False, True):
            assert_same(packed(model, made, 10_000, share=share), wanted, 1e-3)


def test_a_model_is_proven_there_too() -> None:
    for name in ("gemma2", "mistral-window"):
        model = FAMILIES[name].network().to(device=DEVICE, dtype=torch.bfloat16)  # pyright: ignore
        model.set_attn_implementation(ATTENTION)
        prove_model(model, name)


def test_activation_checkpointing_changes_nothing() -> None:
    model, made = random_model().model, rows(4, trunk=140, tail=40)
    plain = packed(model, made, 10_000, share=True)
    checkpoint_activations(model)
    assert_same(packed(model, made, 10_000, share=True), plain, 1e-4)


def trainer(folder: Path, made: list[TokenRow], lora: LoraSettings | None) -> Trainer:
    settings = TuneSettings(
        steps=4,
        batch_rows=4,
        pack_tokens=600,
        learning_rate=1e-3,
        precision="bf16",
        lora=lora,
        device=DEVICE,
    )
    model = folder.parent / "base"
    return Trainer(made, model, settings, folder, {"agent": 1.0}, Processes(0, 1, DEVICE), "test")


def weights(of: Trainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in of.optimizer.state()[0].items()}


def resumed_equals_straight(lora: LoraSettings | None) -> None:
    with tempfile.TemporaryDirectory() as parent:
        write_tiny_model(Path(parent) / "base")
        made = rows(8, trunk=100, tail=30)
        straight = trainer(Path(parent) / "straight", made, lora)
        for _ in range(4):
            straight.step()
        killed = trainer(Path(parent) / "killed", made, lora)
        for _ in range(2):
            killed.step()
        killed.checkpoints.save(
            killed.optimizer, CheckpointState(step=2, precision="bf16", fingerprint="test")
        )
        later = trainer(Path(parent) / "killed", made, lora)
        assert later.done == 2
        while later.done < 4:
            later.step()
        for name, wanted in weights(straight).items():
            assert torch.dist(weights(later)[name], wanted) <= 1e-3 * wanted.norm() + 1e-6, name


def test_full_tuning_goes_on_from_a_checkpoint() -> None:
    resumed_equals_straight(None)


def test_adapters_go_on_from_a_checkpoint() -> None:
    resumed_equals_straight(LoraSettings(rank=4, alpha=8))
