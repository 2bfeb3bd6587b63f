"""A command as a user runs it, without a process of its own."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from trajectune.cli.entry import main


class Ended:
    """How a command ended: its status, and what it wrote to stdout and stderr."""

    def __init__(self, status: object, out: str, err: str) -> None:
        self.status = status
        self.out = " ".join(out.split())
        self.err = " ".join(err.split())


@pytest.fixture
def trajectune(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Callable[..., Ended]:
    """Runs a command in an empty folder, without a process of its own."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")

    def run(*arguments: object) -> Ended:
        monkeypatch.setattr(sys, "argv", ["trajectune", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        printed = capsys.readouterr()
        return Ended(left.value.code or 0, str(printed.out), str(printed.err))

    return run
