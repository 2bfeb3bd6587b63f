"""Where numbers come from, told without fail: a report is written on any machine, checkout or none."""

from __future__ import annotations

import platform
import subprocess
from pathlib import Path

import pytest
import torch

from trajectune.report.sections import provenance
from trajectune.report.sections.provenance import PACKAGES, commit, hardware, versions


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository of one commit in which the module seems to be."""
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    (tmp_path / "provenance.py").write_text("one")
    who = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    for command in (["init", "-q"], ["add", "."], [*who, "commit", "-qm", "first"]):
        subprocess.run(["git", "-C", str(tmp_path), *command], check=True)
    return tmp_path


def test_the_commit_is_told_and_whether_something_was_changed(checkout: Path) -> None:
    head = ["git", "-C", str(checkout), "rev-parse", "HEAD"]
    found = subprocess.run(head, capture_output=True, text=True, check=True).stdout
    assert commit() == found[:12]
    (checkout / "provenance.py").write_text("two")
    assert commit() == f"{found[:12]}-dirty"


def test_a_tag_does_not_stand_for_the_commit(checkout: Path) -> None:
    subprocess.run(["git", "-C", str(checkout), "tag", "v1"], check=True)
    assert len(commit()) == 12


def test_no_checkout_and_no_git_are_no_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "__file__", str(tmp_path / "provenance.py"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert commit() == ""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert commit() == ""


def test_versions_are_of_python_and_of_what_decides_numbers() -> None:
    found = versions()
    assert found.keys() == {"python", *PACKAGES}
    assert found["python"] == platform.python_version()
    assert torch.__version__.startswith(found["torch"])


def test_the_machine_is_described_in_words() -> None:
    found = hardware()
    assert all(found.values())
    assert int(found["cores"]) > 0
    assert ("gpu" in found) == torch.cuda.is_available()
