"""The native tests once more, over a library that watches every read, write and conversion."""

from __future__ import annotations

import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest

from support.native import HERE, needs_native

ROOT = Path(__file__).parents[4]
TESTS = Path(__file__).parent
WATCH = [
    "-O1",
    "-g",
    "-fsanitize=address,undefined",
    "-fno-sanitize-recover=all",
    "-fno-omit-frame-pointer",
]
RUN = """
import sys
from pathlib import Path
from trajectune.engine.network.native import library
library.built = lambda level: Path(sys.argv[1]) / f"{level}.so"
import pytest
sys.exit(pytest.main(["-q", "-s", "-x", "-p", "no:cacheprovider", "--timeout=0", *sys.argv[2:]]))
"""
OVERRUN = f"""
import torch
from support.native import llama, read, use_level
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.native.network import NativeNetwork

def test_it():
    loaded = llama()
    with use_level({HERE[-1] if HERE else ""!r}):
        network = NativeNetwork(loaded)
    network._room = torch.zeros(1, dtype=torch.uint8).expand(1 << 24)
    read(network, KVCache(loaded, 1, 64), [(0, 0, torch.arange(50))])
"""

pytestmark = [
    needs_native,
    pytest.mark.slow,
    pytest.mark.skipif(shutil.which("gcc") is None, reason="there is no gcc to build with sanitizers"),
]


def build(level: str, folder: Path) -> None:
    """One level as the installation builds it, but watched."""
    with mock.patch("setuptools.setup") as setup:
        runpy.run_path(str(ROOT / "setup.py"))
    extension = next(
        each for each in setup.call_args.kwargs["ext_modules"] if each.name.endswith(f"_{level}")
    )
    flags = [*extension.extra_compile_args, *WATCH]
    sources = [str(ROOT / source) for source in extension.sources]
    command = ["gcc", "-shared", "-fPIC", *flags, *sources, "-o", str(folder / f"{level}.so"), "-lm"]
    subprocess.run(command, check=True)


def runtime(name: str) -> str:
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    return found.stdout.strip()


def watched(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {
        "LD_PRELOAD": f"{runtime('libasan.so')} {runtime('libubsan.so')}",
        "ASAN_OPTIONS": "detect_leaks=0",
        "PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")]),
    }
    return subprocess.run(
        [sys.executable, "-c", RUN, str(folder), *arguments],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.timeout(900)
def test_nothing_is_read_or_written_out_of_place(tmp_path: Path) -> None:
    for level in HERE:
        build(level, tmp_path)
    found = watched(tmp_path, str(TESTS / "test_products.py"), str(TESTS / "test_network.py"))
    assert found.returncode == 0, found.stdout[-3000:] + found.stderr[-3000:]


def test_an_overrun_would_be_seen(tmp_path: Path) -> None:
    """Working memory of one byte that says it is larger: the watcher stops the process."""
    build(HERE[-1], tmp_path)
    script = tmp_path / "test_small_room.py"
    script.write_text(OVERRUN, "utf-8")
    found = watched(tmp_path, str(script))
    assert found.returncode != 0
    assert "heap-buffer-overflow" in found.stdout + found.stderr
