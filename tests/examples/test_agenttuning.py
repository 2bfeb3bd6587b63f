"""The page of the README and the design works as it stands."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

from trajectune.models.tiny import write_tiny_model
from trajectune.report.page import read_page

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, *arguments: object) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / name), run_name="__main__")


def test_two_models_of_one_vocabulary_go_from_environment_to_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    large = write_tiny_model(tmp_path / "large", seed=1)
    run(monkeypatch, tmp_path, "agenttuning.py", "tiny", large, "--train", 24, "--test", 2)
    page = read_page(tmp_path / "nb" / "report" / "page.json")
    measured = {(entry.system, entry.measurement.suite, entry.measurement.status) for entry in page.entries}
    assert measured == {
        (system, suite, "done")
        for system in ("base", "after", "emulated")
        for suite in ("database", "general-loss", "choices")
    }
    assert {change.after for change in page.changes} == {"after", "emulated"}
    assert "database: base → after" in capsys.readouterr().out
    weights = tmp_path / "nb" / "tune" / "model" / "model.safetensors"
    made = weights.stat().st_mtime_ns
    run(monkeypatch, tmp_path, "agenttuning.py", "tiny", large, "--train", 24, "--test", 2)
    assert weights.stat().st_mtime_ns == made


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_the_embedded_model_learns_on_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run(monkeypatch, tmp_path, "agenttuning.py", "embedded", "embedded", "--train", 140, "--test", 10)
    page = read_page(tmp_path / "nb" / "report" / "page.json")
    valid = {
        entry.system: entry.measurement.metrics["valid_replies"].value
        for entry in page.entries
        if entry.measurement.suite == "database"
    }
    assert valid["after"] > valid["base"] + 0.3
