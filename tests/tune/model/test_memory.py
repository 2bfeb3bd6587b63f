"""What a tuning frees stays with it, and what of that fits nothing any more goes back."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from trajectune.tune.model.memory import Holes, resident_memory

SCRIPT = """
import numpy as np
from trajectune.tune.model.memory import Holes, keep_freed_memory, resident_memory

assert keep_freed_memory()
sizes = iter([1.0, 2.0])
holes, before = Holes(lambda: next(sizes)), resident_memory()
blocks = [np.ones(8 << 20, dtype=np.uint8) for _ in range(20)]
blocks = blocks[::2]  # ten holes between blocks that stay, which the end of the heap cannot take back
kept = resident_memory() - before
assert not holes.settle()
assert holes.settle()
settled = resident_memory() - before
again = [np.ones(8 << 20, dtype=np.uint8) for _ in range(10)]
print(*(size / 2**20 for size in (kept, settled, resident_memory() - before)))
"""


def test_the_first_step_after_a_trim_is_what_growth_is_measured_by() -> None:
    sizes = iter([100.0, 110.0, 114.0, 116.0, 90.0, 100.0, 104.0])
    holes = Holes(lambda: next(sizes))
    assert [holes.settle() for _ in range(7)] == [False, False, False, True, False, False, True]


def test_where_memory_is_not_told_nothing_is_done() -> None:
    holes = Holes(lambda: 0.0)
    assert not any(holes.settle() for _ in range(3))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs Linux's /proc")
def test_this_process_is_in_memory() -> None:
    before = resident_memory()
    block = bytearray(os.urandom(1 << 20)) * 64
    assert resident_memory() - before > 0.9 * len(block)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator is what it is about")
def test_freed_memory_stays_until_its_holes_go_back_and_is_used_again() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, timeout=120
    )
    kept, settled, again = map(float, done.stdout.split())
    assert kept > 150
    assert 70 < settled < 110
    assert 150 < again < 190
