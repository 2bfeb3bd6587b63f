"""One process at a time, and nothing that a killed one leaves behind."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trajectune.errors import DataError, RecipeError
from trajectune.storage import locked

HOLD = """
import sys, time
from pathlib import Path
from trajectune.storage import locked
with locked(sys.argv[1], is_file=sys.argv[2] == "file"):
    print("in", flush=True)
    time.sleep(60)
"""


def holder(path: Path, kind: str) -> subprocess.Popen[str]:
    """Another process that is inside."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path), kind],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "in\n"
    return process


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_the_second_is_refused_until_the_first_is_gone_however_it_went(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "there"
    process = holder(path, kind)
    try:
        with (
            pytest.raises(RecipeError, match="another process works") as caught,
            locked(path, is_file=kind == "file", remedy="give another --run-dir"),
        ):
            pass
        assert caught.value.where == str(path)
        assert "wait for it, or give another --run-dir" in caught.value.remedy
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    with locked(path, is_file=kind == "file"):
        pass


def test_files_of_one_folder_are_locked_apart(tmp_path: Path) -> None:
    with locked(tmp_path / "a", is_file=True), locked(tmp_path / "b", is_file=True), locked(tmp_path):
        pass


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_what_the_disk_refuses_inside_is_an_error_with_the_place(tmp_path: Path, number: int) -> None:
    with pytest.raises(DataError, match="cannot be written") as caught, locked(tmp_path):
        raise OSError(number, os.strerror(number), str(tmp_path / "x"))
    assert caught.value.where == str(tmp_path / "x")


def test_a_place_that_cannot_be_made_is_an_error_with_the_place(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DataError, match="cannot be written"), locked(tmp_path / "file" / "run"):
        pass


def test_trouble_that_is_not_the_disks_goes_on_as_it_is(tmp_path: Path) -> None:
    with pytest.raises(ConnectionError), locked(tmp_path):
        raise ConnectionResetError(errno.ECONNRESET, "reset")
