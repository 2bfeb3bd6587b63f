"""Fixtures that every part of the tree may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

SHARED_DATA = Path(os.environ.get("AGENTTUNE_TEST_DATA", Path(__file__).parents[2] / "shared" / "data"))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of real public data sets, or a skip with the reason."""
    if not SHARED_DATA.is_dir():
        pytest.skip(f"no public test data at {SHARED_DATA}; set AGENTTUNE_TEST_DATA to its folder")
    return SHARED_DATA


@pytest.fixture(scope="session")
def embedded_model_dir() -> Path:
    """The embedded model, converted once to safetensors and cached (for tests marked `slow`)."""
    from agenttune.decode.loading import resolve_model

    return Path(resolve_model("embedded"))
