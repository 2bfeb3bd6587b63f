"""One cluster for the tests that leave it whole; all of them in one test process, for they share it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from support.cluster import QUIET, TwoNodes, timeless

Rows = Callable[[Path], list[Any]]


@pytest.fixture(autouse=True, scope="session")
def quiet() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in QUIET.items():
            patch.setenv(name, value)
        yield


@pytest.fixture
def rows() -> Rows:
    """The trajectories of a file, sorted, without what the clock decides."""

    def read(path: Path) -> list[Any]:
        found = [timeless(json.loads(line)) for line in path.read_text("utf-8").splitlines()]
        assert len({row["id"] for row in found}) == len(found), "a trajectory is doubled"
        return sorted(found, key=lambda row: row["id"])

    return read


@pytest.fixture(scope="module")
def nodes() -> Iterator[TwoNodes]:
    with TwoNodes() as nodes:
        yield nodes
