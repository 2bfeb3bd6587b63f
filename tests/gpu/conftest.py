"""Everything in this folder needs a CUDA device; without one pytest skips it.

The tests take no fixtures, so that `benchmarks/gpu.py` can call them where there is no pytest, and on a CPU
to see that they are right.
"""

from __future__ import annotations

from pathlib import Path

import pytest
import torch


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the folder's tests `gpu`, and skip them where there is none."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.gpu)
            item.add_marker(pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"))
