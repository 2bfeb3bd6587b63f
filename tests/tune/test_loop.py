"""The loop: from rows to a saved model, and on again after a crash."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from trajectune.errors import DataError, ModelError, RecipeError
from trajectune.models.identity import read_provenance, template_digest, weights_digest
from trajectune.models.loading import load_model
from trajectune.models.tiny import write_tiny_model
from trajectune.progress import Progress
from trajectune.tune.data.groups import groups_of
from trajectune.tune.data.packing import pack_rows
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.loop import tune
from trajectune.tune.metrics import StepMetrics, TuneResult, read_metrics
from trajectune.tune.model.loss import group_weights
from trajectune.tune.model.trainable import load_trainable
from trajectune.tune.settings import LoraSettings, TuneSettings
from trajectune.tune.trainer import Trainer

Rows = Callable[..., list[TokenRow]]
SHARES = {"agent": 0.2, "general": 0.8}
SETTINGS = TuneSettings(
    epochs=3,
    batch_rows=4,
    pack_tokens=60,
    learning_rate=1e-2,
    precision="fp32",
    checkpoint_every=2,
    device="cpu",
)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def rows(make_rows: Rows) -> list[TokenRow]:
    return make_rows(8, sources=("agent", "general"))


def weights(result: TuneResult) -> dict[str, torch.Tensor]:
    return load_file(result.model / "model.safetensors")


def assert_equal_weights(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> None:
    assert a.keys() == b.keys()
    assert all(torch.equal(a[name], b[name]) for name in a)


def tune_until(
    monkeypatch: pytest.MonkeyPatch,
    after: int,
    rows: list[TokenRow],
    base: Path,
    settings: TuneSettings,
    to: Path,
) -> None:
    """Tune, and let the process die in step `after` + 1."""
    with monkeypatch.context() as patch:
        interrupt(patch, after)
        with pytest.raises(KeyboardInterrupt):
            tune(rows, base, settings, to, SHARES)


def interrupt(monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    """Let the process die in step `after` + 1."""
    whole = Trainer.step

    def step(self: Trainer) -> StepMetrics:
        if self.done == after:
            raise KeyboardInterrupt
        return whole(self)

    monkeypatch.setattr(Trainer, "step", step)


def test_learns_and_saves_a_complete_model(base: Path, rows: list[TokenRow], tmp_path: Path) -> None:
    result = tune(rows, base, SETTINGS, tmp_path, SHARES)
    assert result.steps == 6
    assert result.last_loss < 0.8 * result.first_loss
    assert (result.rows, result.sources["agent"].rows) == (24, 12)
    assert result.unique_tokens < result.tokens
    assert load_model(str(result.model), dtype="float32").tokenizer.chat_template
    assert not (tmp_path / "checkpoints").exists()
    assert list((tmp_path / "tensorboard").iterdir())


def test_a_tuned_model_knows_what_it_came_from(base: Path, rows: list[TokenRow], tmp_path: Path) -> None:
    told: list[Progress] = []
    settings = SETTINGS.model_copy(update={"epochs": 1})
    result = tune(rows, base, settings, tmp_path, SHARES, dialect="react", on_progress=told.append)
    noted = read_provenance(result.model)
    assert noted is not None
    assert (noted.base, noted.dialect) == (str(base), "react")
    assert noted.base_weights == weights_digest(base) != weights_digest(result.model)
    assert noted.template == template_digest(load_model(str(result.model), "float32", "cpu").tokenizer)
    assert [(p.what, p.done, p.total) for p in told] == [("tuning", done, 2) for done in (0, 1, 2)]
    assert told[0].note == result.memory
    assert result.memory.startswith(f"packs of up to {SETTINGS.pack_tokens} tokens, attention kept")
    assert told[1].note.startswith("loss ")


@pytest.mark.parametrize("after", [1, 2, 3, 5])
def test_going_on_equals_never_stopping(
    base: Path, rows: list[TokenRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, after: int
) -> None:
    whole = tune(rows, base, SETTINGS, tmp_path / "whole", SHARES)
    tune_until(monkeypatch, after, rows, base, SETTINGS, tmp_path / "parts")
    parts = tune(rows, base, SETTINGS, tmp_path / "parts", SHARES)
    assert_equal_weights(weights(whole), weights(parts))
    losses = [[step.loss for step in read_metrics(tmp_path / name)] for name in ("whole", "parts")]
    assert losses[0] == losses[1]


def test_tuning_twice_does_nothing(
    base: Path, rows: list[TokenRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = tune(rows, base, SETTINGS, tmp_path, SHARES)
    interrupt(monkeypatch, 0)
    assert tune(rows, base, SETTINGS, tmp_path, SHARES) == first


def test_other_inputs_in_the_same_directory_are_refused(
    base: Path, rows: list[TokenRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tune_until(monkeypatch, 3, rows, base, SETTINGS, tmp_path)
    with pytest.raises(RecipeError, match="checkpoint"):
        tune(rows, base, SETTINGS, tmp_path, {"agent": 0.5, "general": 0.5})
    tune(rows, base, SETTINGS, tmp_path, SHARES)
    with pytest.raises(RecipeError, match="tuned with other"):
        tune(rows[:-1], base, SETTINGS, tmp_path, SHARES)


def test_packing_changes_neither_loss_nor_weights(base: Path, rows: list[TokenRow], tmp_path: Path) -> None:
    results = []
    for number, change in enumerate([{}, {"prefix_tree": False}, {"pack_tokens": 1}]):
        settings = SETTINGS.model_copy(update=change)
        results.append(tune(rows, base, settings, tmp_path / str(number), SHARES))
    for other in results[1:]:
        assert other.last_loss == pytest.approx(results[0].last_loss, rel=1e-3)


def test_each_source_has_its_share(base: Path, rows: list[TokenRow], tmp_path: Path) -> None:
    tune(rows, base, SETTINGS, tmp_path, SHARES)
    for step in read_metrics(tmp_path):
        expected = 0.2 * step.sources["agent"].loss + 0.8 * step.sources["general"].loss
        assert step.loss == pytest.approx(expected, rel=1e-6)
        assert step.sources["agent"].rows == 2


def test_a_source_without_share_is_not_computed(base: Path, rows: list[TokenRow], tmp_path: Path) -> None:
    result = tune(rows, base, SETTINGS, tmp_path, {"agent": 1.0, "general": 0.0})
    assert set(result.sources) == {"agent"}
    assert result.rows == 12


@pytest.mark.parametrize(
    ("shares", "error"), [({"agent": 1.0}, RecipeError), ({"agent": 0.0, "general": 0.0}, DataError)]
)
def test_wrong_shares_are_explained(
    rows: list[TokenRow], tmp_path: Path, shares: dict[str, float], error: type[Exception]
) -> None:
    with pytest.raises(error):
        tune(rows, "tiny", SETTINGS, tmp_path, shares)


def test_frozen_layers_stay_as_they_are(base: Path, rows: list[TokenRow], tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"freeze_layers": 1})
    result = tune(rows, base, settings, tmp_path, SHARES)
    assert result.last_loss < result.first_loss
    tuned, original = (
        load_model(str(name), dtype="float32").model.state_dict() for name in (result.model, base)
    )
    for name, weight in tuned.items():
        frozen = "embed_tokens" in name or ".layers.0." in name or "lm_head" in name
        assert torch.equal(weight, original[name]) == frozen, name


def test_frozen_layers_change_no_gradient_of_the_others(base: Path, rows: list[TokenRow]) -> None:
    def gradients(count: int) -> dict[str, torch.Tensor]:
        settings = SETTINGS.model_copy(update={"freeze_layers": count})
        trainable = load_trainable(base, settings, "fp32", "cpu")
        groups = groups_of(rows)
        weights = group_weights(np.ones(2), groups, SHARES)
        trainable.accumulate(pack_rows(rows, range(4), groups, 8_192), weights)
        return {name: p.grad for name, p in trainable.trained if p.grad is not None}

    some, everything = gradients(1), gradients(0)
    assert 0 < len(some) < len(everything)
    for name, gradient in some.items():
        torch.testing.assert_close(gradient, everything[name])


def test_all_layers_cannot_be_frozen(base: Path) -> None:
    settings = SETTINGS.model_copy(update={"freeze_layers": 99})
    with pytest.raises(ModelError, match="99 layers cannot be frozen"):
        load_trainable(base, settings, "fp32", "cpu")


def test_lora_trains_and_saves_adapters_only(base: Path, rows: list[TokenRow], tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"lora": LoraSettings(rank=4)})
    result = tune(rows, base, settings, tmp_path, SHARES)
    assert result.last_loss < result.first_loss
    saved = load_file(result.model / "adapter_model.safetensors")
    assert all("lora_" in name for name in saved)
    assert any(tensor.any() for name, tensor in saved.items() if "lora_B" in name)
    merged, original = (
        load_model(str(name), dtype="float32").model.state_dict() for name in (result.model, base)
    )
    assert torch.equal(merged["model.norm.weight"], original["model.norm.weight"])
    changed = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(merged[changed], original[changed])


def test_lora_goes_on_as_if_never_stopped(
    base: Path, rows: list[TokenRow], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = SETTINGS.model_copy(update={"lora": LoraSettings(rank=4, dropout=0.1)})
    whole = tune(rows, base, settings, tmp_path / "whole", SHARES)
    tune_until(monkeypatch, 3, rows, base, settings, tmp_path / "parts")
    parts = tune(rows, base, settings, tmp_path / "parts", SHARES)
    a, b = (load_file(result.model / "adapter_model.safetensors") for result in (whole, parts))
    assert_equal_weights(a, b)


PROGRAM = """
import sys
from pathlib import Path
import numpy as np
from trajectune.tune.loop import tune
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.settings import TuneSettings

base, run_dir = map(Path, sys.argv[1:3])
data = np.load(sys.argv[3])
rows = []
for index in range(len(data.files) // 2):
    source = "agent" if index % 2 == 0 else "general"
    rows.append(TokenRow(f"row-{index}", source, data[f"tokens{index}"], data[f"trained{index}"]))
settings = TuneSettings.model_validate_json(sys.argv[4])
tune(rows, base, settings, run_dir, {"agent": 0.2, "general": 0.8})
"""


def command(
    base: Path, rows: list[TokenRow], folder: Path, run_dir: Path, settings: TuneSettings
) -> list[str]:
    arrays = {f"tokens{i}": row.tokens for i, row in enumerate(rows)}
    arrays |= {f"trained{i}": row.trained for i, row in enumerate(rows)}
    np.savez(folder / "rows.npz", allow_pickle=False, **arrays)
    (folder / "program.py").write_text(PROGRAM)
    files = [folder / "program.py", base, run_dir, folder / "rows.npz"]
    return [*map(str, files), settings.model_dump_json()]


def test_two_processes_equal_one(base: Path, rows: list[TokenRow], tmp_path: Path) -> None:
    arguments = command(base, rows, tmp_path, tmp_path / "two", SETTINGS)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    done = subprocess.run([*launcher, *arguments], capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    one = tune(rows, base, SETTINGS, tmp_path / "one", SHARES)
    for a, b in zip(read_metrics(tmp_path / "one"), read_metrics(tmp_path / "two"), strict=True):
        assert a.loss == pytest.approx(b.loss, rel=1e-4)
        assert a.gradient_norm == pytest.approx(b.gradient_norm, rel=1e-4)
        assert a.sources.keys() == b.sources.keys()
    two = load_file(tmp_path / "two" / "model" / "model.safetensors")
    for name, tensor in weights(one).items():
        torch.testing.assert_close(two[name], tensor, rtol=0, atol=2e-3)


def test_kill_9_loses_nothing(base: Path, rows: list[TokenRow], tmp_path: Path) -> None:
    settings = SETTINGS.model_copy(update={"epochs": 30.0, "checkpoint_every": 5})
    arguments = command(base, rows, tmp_path, tmp_path / "killed", settings)
    process = subprocess.Popen([sys.executable, *arguments], stderr=subprocess.DEVNULL)
    metrics = tmp_path / "killed" / "metrics.jsonl"
    while process.poll() is None and (not metrics.exists() or metrics.read_bytes().count(b"\n") < 13):
        time.sleep(0.01)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    seen = [json.loads(line)["loss"] for line in metrics.read_text().splitlines()[:12]]
    checkpoints = tmp_path / "killed" / "checkpoints"
    assert any((folder / "state.json").exists() for folder in checkpoints.glob("step-*"))
    again = tune(rows, base, settings, tmp_path / "killed", SHARES)
    assert [step.step for step in read_metrics(tmp_path / "killed")] == list(range(1, again.steps + 1))
    assert [step.loss for step in read_metrics(tmp_path / "killed")][:12] == pytest.approx(seen, rel=1e-6)


def test_a_token_without_embedding_is_named_before_any_step(
    base: Path, rows: list[TokenRow], tmp_path: Path
) -> None:
    wild = TokenRow("wild", "agent", np.array([1, 70_000], np.int32), np.array([False, True]))
    with pytest.raises(DataError, match=r"70,000(.|\n)*row wild"):
        tune([*rows, wild], base, SETTINGS, tmp_path, SHARES)
    assert not (tmp_path / "metrics.jsonl").exists()
