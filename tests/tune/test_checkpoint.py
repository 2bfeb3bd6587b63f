"""Checkpoints survive being killed at any moment, and the newest one is the newest."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file
from torch import nn

from trajectune.errors import DataError, RecipeError
from trajectune.storage import read_json, write_json
from trajectune.tune import checkpoint
from trajectune.tune.checkpoint import Checkpoints, CheckpointState
from trajectune.tune.model.optimizer import MasterAdamW
from trajectune.tune.settings import TuneSettings


def optimizer(value: float = 0.0) -> MasterAdamW:
    parameter = nn.Parameter(torch.full((2, 3), value))
    made = MasterAdamW([("weight", parameter)], TuneSettings(learning_rate=0.1))
    for _ in range(2):
        parameter.grad = torch.arange(6.0).view(2, 3)
        made.step(0.1, None)
    return made


def state(step: int, fingerprint: str = "f") -> CheckpointState:
    return CheckpointState(step=step, precision="fp32", fingerprint=fingerprint)


def equal(left: MasterAdamW, right: MasterAdamW) -> bool:
    pairs = zip(left.state(), right.state(), strict=True)
    return all(a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a) for a, b in pairs)


def test_what_was_saved_comes_back_and_goes_on_alike(tmp_path: Path) -> None:
    saved, other = optimizer(1.0), optimizer(5.0)
    kept = Checkpoints(tmp_path, 2)
    kept.save(saved, state(2))
    found = kept.latest("f")
    assert found is not None
    assert found[1] == state(2)
    kept.restore(other, found[0], 2)
    assert equal(saved, other)
    for each in (saved, other):
        each.parameters[0].grad = torch.ones(2, 3)
        each.step(0.05, None)
    assert torch.equal(saved.parameters[0], other.parameters[0])


@settings(max_examples=15, deadline=None)
@given(
    steps=st.lists(
        st.sampled_from([1, 9, 10, 999_999, 1_000_000, 12_000_000]), min_size=1, max_size=5, unique=True
    ),
    keep=st.integers(1, 3),
)
def test_the_newest_stay(tmp_path_factory: pytest.TempPathFactory, steps: list[int], keep: int) -> None:
    folder = tmp_path_factory.mktemp("kept")
    kept, made = Checkpoints(folder, keep), optimizer()
    for step in sorted(steps):
        kept.save(made, state(step))
    found = kept.latest("f")
    assert found is not None
    assert found[1].step == max(steps)
    left = sorted(read_json(path / "state.json")["step"] for path in folder.iterdir())
    assert left == sorted(steps)[-keep:]


@pytest.mark.parametrize("writes", [0, 1])
def test_killed_while_writing_the_one_before_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    kept, made = Checkpoints(tmp_path, 1), optimizer()
    kept.save(made, state(1))
    left = [writes]

    def dying(tensors: dict[str, torch.Tensor], path: Path) -> None:
        if not left[0]:
            raise KeyboardInterrupt
        left[0] -= 1
        save_file(tensors, path)

    monkeypatch.setattr(checkpoint, "save_file", dying)
    with pytest.raises(KeyboardInterrupt):
        kept.save(made, state(2))
    found = kept.latest("f")
    assert found is not None
    assert found[1].step == 1
    monkeypatch.undo()
    kept.save(made, state(2))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000002"]


def test_killed_while_sweeping_the_newest_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kept, made = Checkpoints(tmp_path, 1), optimizer()
    kept.save(made, state(1))
    remove = shutil.rmtree

    def dying(path: Path, *args: object, **options: object) -> None:
        if Path(path).name == "step-000001":
            raise KeyboardInterrupt
        remove(path, *args, **options)  # pyright: ignore[reportArgumentType, reportCallIssue]

    monkeypatch.setattr(shutil, "rmtree", dying)
    with pytest.raises(KeyboardInterrupt):
        kept.save(made, state(2))
    monkeypatch.undo()
    found = kept.latest("f")
    assert found is not None
    assert found[1].step == 2
    kept.save(made, state(3))
    assert [path.name for path in tmp_path.iterdir()] == ["step-000003"]


def test_one_that_belongs_to_another_tuning_is_refused(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, 2)
    assert kept.latest("f") is None
    kept.save(optimizer(), state(1))
    with pytest.raises(RecipeError, match="made with other rows, shares, model or settings") as caught:
        kept.latest("another")
    assert "step-000001" in caught.value.where
    kept.clear()
    kept.clear()
    assert kept.latest("another") is None


def test_nothing_but_tensors_and_json_is_written(tmp_path: Path) -> None:
    Checkpoints(tmp_path, 1).save(optimizer(), state(7))
    names = {path.name for path in (tmp_path / "step-000007").iterdir()}
    assert names == {"weights.safetensors", "optimizer.safetensors", "state.json"}


def test_a_state_with_unknown_words_is_not_taken_for_ours(tmp_path: Path) -> None:
    kept = Checkpoints(tmp_path, 1)
    kept.save(optimizer(), state(1))
    write_json(tmp_path / "step-000001" / "state.json", {**state(1).model_dump(), "rank": 3})
    with pytest.raises(DataError, match="rank"):
        kept.latest("f")
