"""Ray says little in these tests, and its processes are not the last to be given time."""

from __future__ import annotations

import pytest

from support.cluster import QUIET


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in QUIET.items():
        monkeypatch.setenv(name, value)
