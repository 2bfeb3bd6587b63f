"""Files and folders that appear all at once: old or new, also where the process is killed between."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.errors import DataError
from trajectune.storage import open_atomic, read_json, write_atomic, write_folder, write_json

KILLED = """
import os, signal, sys
from pathlib import Path
from trajectune.storage import open_atomic, write_folder

def half(folder):
    (folder / "a").write_text("new")
    os.kill(os.getpid(), signal.SIGKILL)

if sys.argv[1] == "file":
    with open_atomic(sys.argv[2]) as file:
        file.write(b"new")
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)
write_folder(Path(sys.argv[2]), half)
"""


def kill_while_writing(kind: str, path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", KILLED, kind, str(path)]
    assert subprocess.run(command, env=environment, check=False).returncode == -signal.SIGKILL


def test_a_file_is_the_old_one_where_the_writer_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "value.json"
    kill_while_writing("file", path)
    assert not path.exists()
    write_json(path, "old")
    kill_while_writing("file", path)
    assert read_json(path) == "old"


def test_a_folder_is_the_old_one_where_the_writer_was_killed_and_is_written_again(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    kill_while_writing("folder", folder)
    assert not folder.exists()
    write_folder(folder, lambda part: (part / "old").write_text("old"))
    kill_while_writing("folder", folder)
    assert [path.name for path in folder.iterdir()] == ["old"]
    write_folder(folder, lambda part: (part / "b").write_text("b"))
    assert [path.name for path in folder.iterdir()] == ["b"], "nothing of the killed writing gets in"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@given(content=st.binary() | st.text(st.characters(exclude_categories=["Cs"])))
def test_content_is_what_was_written(
    content: bytes | str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("files") / "new" / "x.bin"
    write_atomic(path, content)
    assert path.read_bytes() == (content if isinstance(content, bytes) else content.encode())
    assert [each.name for each in path.parent.iterdir()] == ["x.bin"]


def test_readers_see_the_old_file_until_the_block_ends(tmp_path: Path) -> None:
    path = tmp_path / "x"
    write_atomic(path, "old")
    with open_atomic(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_text() == "old"
    assert path.read_text() == "new"


def test_a_value_that_is_no_json_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "x.json", 1)
    for value in (float("nan"), {1, 2}):
        with pytest.raises((ValueError, TypeError)):
            write_json(tmp_path / "x.json", value)
    assert read_json(tmp_path / "x.json") == 1


def test_a_folder_in_the_files_place_is_kept_and_named(tmp_path: Path) -> None:
    (tmp_path / "x" / "mine").mkdir(parents=True)
    with pytest.raises(DataError, match="expected a file, found a directory") as caught:
        write_atomic(tmp_path / "x", "new")
    assert caught.value.where == str(tmp_path / "x")
    assert (tmp_path / "x" / "mine").exists()
