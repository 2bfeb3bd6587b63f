"""The tests marked `gpu` (tests/gpu), called plainly: they take no fixtures, and pytest may be missing."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent.parent / "tests" / "gpu"


def cases(small: bool) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Every test by name; they are small anyway."""
    del small
    for path in sorted(FOLDER.glob("test_*.py")):
        module = importlib.import_module(f"gpu.{path.stem}")
        tests = {name: test for name, test in vars(module).items() if name.startswith("test_")}
        yield from tests.items()
