"""What the tests here share; also lets them import the toys beside them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
import torch

from trajectune.evaluate.contract import System
from trajectune.evaluate.systems import load_system
from trajectune.models.loading import load_model

sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def changed_dir(tiny_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The tiny model's folder again, with other weights: a tuned model as far as anyone can tell."""
    loaded = load_model(str(tiny_dir), "float32", "cpu")
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for weight in loaded.model.parameters():
            weight += 0.05 * torch.randn(weight.shape, generator=generator)
    folder = tmp_path_factory.mktemp("changed") / "model"
    loaded.model.save_pretrained(folder)
    loaded.tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.fixture(scope="session")
def base(tiny_dir: Path) -> System:
    return load_system("base", str(tiny_dir), dtype="float32", device="cpu", max_new_tokens=8)


@pytest.fixture(scope="session")
def tuned(changed_dir: str, tiny_dir: Path) -> System:
    return load_system(
        "tuned", changed_dir, base=str(tiny_dir), dtype="float32", device="cpu", max_new_tokens=8
    )
