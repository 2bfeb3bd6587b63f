"""The household environment's parts that need ALFWorld's engine are tested where it is installed."""

from __future__ import annotations

from pathlib import Path

import pytest

from trajectune.environments.household import HouseholdEnvironment


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path))
    monkeypatch.delenv("ALFWORLD_DATA", raising=False)


@pytest.fixture(scope="session")
def environment() -> HouseholdEnvironment:
    """Built games, one of each kind in every split; its processes serve the whole session."""
    pytest.importorskip("alfworld")
    return HouseholdEnvironment(train=6, dev=6, test=6)
