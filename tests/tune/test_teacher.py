"""Learning from a teacher's expectations instead of the tokens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from support.models import Tiny, tiny_tokenizer
from trajectune.errors import ModelError
from trajectune.models.loading import load_model
from trajectune.tune.data.rows import TokenRow
from trajectune.tune.loop import tune
from trajectune.tune.metrics import TuneResult, read_metrics
from trajectune.tune.settings import TuneSettings

Rows = Callable[..., list[TokenRow]]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Tiny().write(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with other, far surer weights."""
    return Tiny(seed=1, spread=0.3).write(tmp_path_factory.mktemp("models") / "other")


def accumulate(base: Path, teacher: Path, rows: list[TokenRow], folder: Path, steps: int) -> TuneResult:
    settings = TuneSettings(
        steps=steps, batch_rows=8, learning_rate=1e-2, precision="fp32", device="cpu", teacher=str(teacher)
    )
    return tune(rows, base, settings, folder, {"agent": 1.0})


def test_who_already_thinks_like_the_teacher_learns_nothing(
    base: Path, make_rows: Rows, tmp_path: Path
) -> None:
    accumulate(base, base, make_rows(8, sources=("agent",)), tmp_path / "run", 1)
    assert read_metrics(tmp_path / "run")[0].gradient_norm < 1e-5


def test_the_student_comes_closer_to_the_teacher(
    base: Path, other: Path, make_rows: Rows, tmp_path: Path
) -> None:
    rows = make_rows(8, sources=("agent",))
    result = accumulate(base, other, rows, tmp_path / "run", 30)
    tokens = torch.from_numpy(rows[0].tokens.astype("int64"))[None]

    def distance(model: Path) -> float:
        with torch.inference_mode():
            student, teacher = (
                load_model(str(name), "float32", "cpu").model(tokens).logits.log_softmax(-1)
                for name in (model, other)
            )
        return float((teacher.exp() * (teacher - student)).sum(-1).mean())

    assert distance(result.model) < 0.5 * distance(base)


def test_a_teacher_with_other_columns_is_refused(base: Path, make_rows: Rows, tmp_path: Path) -> None:
    folder = Tiny(vocabulary=len(tiny_tokenizer()) + 8).write(tmp_path / "padded")
    with pytest.raises(ModelError, match="columns"):
        accumulate(base, folder, make_rows(8, sources=("agent",)), tmp_path / "run", 1)
