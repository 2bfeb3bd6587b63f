"""What is said of the machine, and the line that is shown while it runs."""

from __future__ import annotations

import sys

import pytest

from harness.compare import compare
from harness.machine import command, machine, versions
from harness.progress import line
from support.weather import FakeStation


def test_a_report_names_all_that_is_needed_to_repeat_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/home/me/benchmarks/decode.py", "--model", "/home/me/secret/model"])
    found = machine("no-such-package", model="tiny")
    assert found["command"] == "python benchmarks/decode.py --model model"
    assert found["versions"]["no-such-package"] == "missing"
    assert found["versions"]["torch"].startswith("2.")
    assert found["model"] == "tiny"
    assert {"commit", "date", "hardware"} <= found.keys()
    assert found["hardware"].keys() >= {"processor", "cores", "instructions", "threads", "memory_gb"}


def test_relative_paths_stay_in_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmarks/x.py", "--out", "runs/x.json"])
    assert command() == "python benchmarks/x.py --out runs/x.json"
    assert versions().keys() == {"python"}


def test_progress_tells_the_round_and_the_widest_interval(capsys: pytest.CaptureFixture[str]) -> None:
    sides = {"old": lambda _: {"work": 1.0}, "new": lambda n: {"work": 2.0 + 0.1 * (n % 2)}}
    compare(sides, baseline="old", seconds=14, station=FakeStation(), show=line("decode"))
    first, *_, last = capsys.readouterr().err.splitlines()
    assert first.rstrip() == "decode: round 1, 2 of 14 s"
    assert last.startswith("decode: round 7, 14 of 14 s; new, work: ×2.04 ±3.3 %")
