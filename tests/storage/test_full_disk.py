"""A disk that takes nothing more: one clear error, and what was written before stays readable."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from trajectune.errors import DataError
from trajectune.storage import (
    JsonlWriter,
    cache_dir,
    filling,
    read_jsonl,
    write_atomic,
    write_folder,
    write_json,
    writing,
)

APPEND = """
import resource, sys
from trajectune.errors import DataError
from trajectune.storage import JsonlWriter
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
try:
    with JsonlWriter(sys.argv[1]) as file:
        while True:
            file.write({"n": "x" * 70})
except DataError as error:
    print(error.what)
"""


def test_a_row_that_does_not_fit_leaves_the_rows_before_it(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    done = subprocess.run(
        [sys.executable, "-c", APPEND, str(path)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("the file cannot be written: ")
    assert len(list(read_jsonl(path))) == 12
    with JsonlWriter(path) as file:
        file.write({"n": "room again"})
    assert len(list(read_jsonl(path))) == 13


def test_a_device_that_is_full() -> None:
    with pytest.raises(DataError, match="No space left"), JsonlWriter("/dev/full") as file:
        file.write({"a": 1})


def test_rest_of_a_row_that_cannot_even_be_cut_off_is_cut_off_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "rows.jsonl"
    file = JsonlWriter(path)
    file.write({"a": 1})

    class Torn:
        """Writes half a row, and takes nothing back."""

        def __getattr__(self, name: str) -> object:
            return getattr(whole, name)

        def write(self, line: bytes) -> int:
            return whole.write(line[:4])

        def truncate(self, size: int) -> int:
            del size
            raise OSError(28, os.strerror(28))

    whole = file._file  # pyright: ignore[reportPrivateUsage]
    monkeypatch.setattr(file, "_file", Torn())
    with pytest.raises(DataError, match="cannot be written"):
        file.write({"b": 2})
    whole.close()
    assert path.read_bytes() == b'{"a": 1}\n{"b"'
    with JsonlWriter(path) as again:
        again.write({"b": 2})
    assert [row.value for row in read_jsonl(path)] == [{"a": 1}, {"b": 2}]


def test_a_folder_that_cannot_be_written_whole_leaves_the_old_one_and_no_rest(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    write_folder(folder, lambda part: (part / "old").write_text("old"))

    def full(part: Path) -> None:
        (part / "new").write_text("new")
        raise RuntimeError("I/O error: No space left on device (os error 28)")

    with pytest.raises(DataError, match="No space left on device") as caught:
        write_folder(folder, full)
    assert caught.value.where == str(folder)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    assert (folder / "old").exists()


def test_a_defect_while_a_folder_is_written_stays_a_defect(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="broken"):
        write_folder(tmp_path / "model", lambda _: (_ for _ in ()).throw(RuntimeError("broken")))


def test_weights_that_do_not_fit_are_the_disks_trouble(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, before[1]))
    try:
        with pytest.raises(DataError, match="cannot be written"), writing(tmp_path):
            save_file({"x": torch.zeros(100_000)}, tmp_path / "x.safetensors")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, old)


def test_text_with_half_a_pair_is_written_and_read(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", {"a": "ä \ud800"})
    assert '"\\u00e4 \\ud800"' in (tmp_path / "x.json").read_text("utf-8")
    write_json(tmp_path / "x.json", {"a": "ä"})
    assert '"ä"' in (tmp_path / "x.json").read_text("utf-8")


def test_a_file_below_a_file_is_refused_with_the_place(tmp_path: Path) -> None:
    write_atomic(tmp_path / "x", "")
    with pytest.raises(DataError, match="cannot be written") as caught:
        write_atomic(tmp_path / "x" / "y", "")
    assert str(tmp_path / "x") in caught.value.where


def test_a_cache_that_cannot_be_written_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TRAJECTUNE_CACHE", str(tmp_path / "file"))
    with pytest.raises(DataError, match="set TRAJECTUNE_CACHE"), filling(cache_dir() / "models" / "x"):
        pass
    monkeypatch.setenv("TRAJECTUNE_CACHE", "~nobody-of-this-name/x")
    with pytest.raises(DataError, match="set TRAJECTUNE_CACHE"):
        cache_dir()
