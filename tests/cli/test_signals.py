"""Ctrl-C and SIGTERM, at any moment of a run: one line, the status of shells, and it goes on later."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

SMOKE = Path(__file__).parents[2] / "recipes" / "smoke.yaml"


def start(folder: Path) -> subprocess.Popen[str]:
    """A run of a few seconds in a process of its own."""
    rows = [{"instruction": f"Say {n}.", "input": "", "output": f"The number {n}."} for n in range(20)]
    (folder / "chat.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
    general = {"chat": {"data": str(folder / "chat.jsonl"), "rows": 8}}
    changes = {"curate.general": general, "environments.database.evaluate": 1, "evaluate.general": False}
    pairs = [part for key, value in changes.items() for part in ("--set", f"{key}={json.dumps(value)}")]
    return subprocess.Popen(
        [sys.executable, "-m", "trajectune.cli.entry", "run", str(SMOKE), *pairs],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        # A child of a job in the background inherits that SIGINT is ignored, and Python then leaves it so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )


def soon(folder: Path) -> bool:
    """While the modules are being loaded."""
    del folder
    time.sleep(0.4)
    return True


def reached(name: str) -> Callable[[Path], bool]:
    return lambda folder: any((folder / "runs").rglob(name))


def stop(folder: Path, number: signal.Signals, when: Callable[[Path], bool]) -> None:
    """Start a run, stop it when the time has come, and look how it ended."""
    process = start(folder)
    deadline = time.monotonic() + 100
    while not when(folder):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number, said
    assert "Traceback" not in said
    assert said.count("the same command again goes on") == 1
    assert said.rstrip().endswith("the same command again goes on")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_before_the_run_has_begun_ends_it_in_one_line(
    number: signal.Signals, tmp_path: Path
) -> None:
    stop(tmp_path, number, soon)


GREEDY = """
import os, signal
try:
    os.kill(os.getpid(), signal.{signal})
    print("goes on")
except BaseException:
    pass
from trajectune.environments.database import DatabaseEnvironment as Greedy
"""


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_module_that_swallows_exceptions_cannot_swallow_a_signal(name: str, tmp_path: Path) -> None:
    (tmp_path / "greedy.py").write_text(GREEDY.format(signal=name), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "trajectune.cli.entry", "environments", "check", "greedy:Greedy"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        timeout=120,
    )
    assert done.returncode == 128 + signal.Signals[name], done.stderr
    assert "goes on" in done.stdout
    assert "Traceback" not in done.stderr


def test_a_run_that_was_stopped_in_two_stages_goes_on(tmp_path: Path) -> None:
    stop(tmp_path, signal.SIGTERM, reached("database.jsonl"))
    stop(tmp_path, signal.SIGINT, reached("metrics.jsonl"))
    again = start(tmp_path)
    _, said = again.communicate(timeout=120)
    assert again.returncode == 0, said
    assert (tmp_path / "runs" / "smoke" / "report" / "index.html").exists()
