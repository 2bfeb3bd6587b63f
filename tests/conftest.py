"""Fixtures that every part of the tree may use, and one thread for whatever computes.

Threads that spin while they wait for each other stand still on a loaded machine, so every test process has
one, and so has every process that a test starts. The numbers are read when torch is imported: they are set
before anything else here. What is set in the environment already is left alone.
"""

from __future__ import annotations

import os

for _name, _value in {
    "OMP_NUM_THREADS": "1",
    "OMP_WAIT_POLICY": "PASSIVE",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}.items():
    os.environ.setdefault(_name, _value)

# ruff: noqa: E402
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from hypothesis import HealthCheck, settings
from transformers import PreTrainedTokenizerBase

from support.models import Family, Tiny, tiny_tokenizer
from trajectune.models.loading import LoadedModel, resolve_model
from trajectune.models.tiny import write_tiny_model

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))

# A property is true or false however busy the machine is.
settings.register_profile("patient", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("patient")

SHARED_DATA = Path(os.environ.get("TRAJECTUNE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real public data sets, or a skip with the reason."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no public test data at {SHARED_DATA}; set TRAJECTUNE_TEST_DATA to its folder")
    return SHARED_DATA


@pytest.fixture(scope="session")
def embedded_model_dir() -> Path:
    """The embedded model, converted once to safetensors and cached (for tests marked `slow`)."""
    return Path(resolve_model("embedded"))


MakeModel = Callable[..., LoadedModel]


@pytest.fixture(scope="session")
def tiny_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_tiny_model(tmp_path_factory.mktemp("tiny") / "model")


@pytest.fixture(scope="session")
def tokenizer() -> PreTrainedTokenizerBase:
    return tiny_tokenizer()


@pytest.fixture(scope="session")
def make_model() -> MakeModel:
    """`make_model(family, seed)`: weights far from zero, so that every part of the network matters."""

    @cache
    def make(family: Family, seed: int = 0) -> LoadedModel:
        return Tiny(family, seed, layers=3, context=256, spread=0.3, ends=False).loaded()

    return make


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The tests that take minutes come first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)
