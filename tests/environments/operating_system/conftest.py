"""Boxes for tests; where none can be had, the tests that need one skip with the reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trajectune.environments.operating_system.sandbox.box import Box
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.environments.operating_system.sandbox.requirement import require_sandbox
from trajectune.errors import UnavailableError

MakeBox = Callable[..., Box]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path / "cache"))


@pytest.fixture(scope="session")
def bubblewrap() -> str:
    """The path of bubblewrap, or a skip that says what is missing."""
    try:
        return require_sandbox()
    except UnavailableError as error:
        pytest.skip(str(error))


@pytest.fixture
def make_box(bubblewrap: str) -> Iterator[MakeBox]:
    """`make_box(seconds=1)`: a box with these limits, closed after the test."""
    boxes: list[Box] = []

    def make(**limits: float) -> Box:
        boxes.append(Box(bubblewrap, Limits(**limits)))  # type: ignore[arg-type]
        return boxes[-1]

    yield make
    for box in boxes:
        box.close()


@pytest.fixture
def box(make_box: MakeBox) -> Box:
    """A box with the usual limits."""
    return make_box(seconds=20)
