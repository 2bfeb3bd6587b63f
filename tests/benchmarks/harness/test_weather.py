"""What counts as disturbed, at the edges; and that our own work is not taken for that of others."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from harness import weather as module
from harness.weather import GRAIN, OTHERS, SWING, Probe, Station, disturbance, own_seconds, typical
from support.weather import CALM, weather

USUAL = typical([weather()])
linux = pytest.mark.skipif(not Path("/proc/stat").exists(), reason="needs /proc")


def test_others_may_take_a_little_and_no_more() -> None:
    limit = OTHERS + GRAIN / (os.cpu_count() or 1)
    assert disturbance(weather(limit - 1e-6), USUAL) is None
    assert disturbance(weather(limit + 1e-6), USUAL) is not None
    assert disturbance(weather(0.31), USUAL) == "other processes took 31% of the machine"
    assert disturbance(weather(None), USUAL) is None


@pytest.mark.parametrize("name", ["read", "matrix"])
@pytest.mark.parametrize("place", ["before", "after"])
def test_a_probe_far_below_the_median_disturbs(name: str, place: str) -> None:
    def met(part: float) -> str | None:
        probe = CALM.model_copy(update={name: getattr(CALM, name) * part})
        return disturbance(weather().model_copy(update={place: probe}), USUAL)

    assert met(1 - SWING + 0.01) is None
    assert met(1 - SWING - 0.01) == f"the {name} rate was 79% of the run's median"
    assert met(1.5) is None


def test_typical_is_the_median_of_both_probes_of_every_piece() -> None:
    slow = Probe(read=1.0, matrix=1.0)
    assert typical([weather(before=slow), weather()]) == USUAL


@linux
def test_a_child_is_ours_while_it_runs_and_when_it_has_ended() -> None:
    burn = "import time\nwhile time.process_time() < 0.3: pass\nprint('done', flush=True)\ninput()"
    start = own_seconds()
    with subprocess.Popen(
        [sys.executable, "-c", burn], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdin is not None
        child.stdout.readline()
        running = own_seconds()
        child.stdin.close()
    ended = own_seconds()
    assert start is not None
    assert running is not None
    assert ended is not None
    assert running - start >= 0.28
    assert ended >= running


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_BLOCK", 1 << 16)
    monkeypatch.setattr(module, "PROBE_SECONDS", 0.001)


@pytest.mark.usefixtures("small")
def test_a_watched_piece_gives_its_result_and_its_weather() -> None:
    done, found = Station(dtype=torch.float32).watch(lambda: time.sleep(0.01) or "done")
    assert done == "done"
    assert found.seconds >= 0.01
    assert min(found.before.read, found.after.matrix) > 0


@pytest.mark.usefixtures("small")
def test_elsewhere_than_on_linux_nothing_is_said_of_others(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(module, "_PROC", tmp_path)
    _, found = Station(dtype=torch.float32).watch(lambda: None)
    assert (found.others, found.mhz) == (None, None)


ORPHAN = """
import subprocess, sys, time
from harness.weather import adopt_orphans, own_seconds
adopt_orphans()
burn = "import time; print(flush=True)\\nwhile time.process_time() < 0.3: pass"
parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {burn!r}]).stdout"
start = own_seconds()
subprocess.run([sys.executable, "-c", parent], stdout=subprocess.DEVNULL)
deadline = time.monotonic() + 30
while own_seconds() - start < 0.3 and time.monotonic() < deadline:
    time.sleep(0.02)
print(own_seconds() - start)
"""


@linux
def test_an_orphan_is_ours_where_orphans_are_adopted() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ORPHAN],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert float(done.stdout) >= 0.3
