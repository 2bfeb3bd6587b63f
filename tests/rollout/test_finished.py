"""What a file of episodes holds already: an id once, and only where its row can be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.guess import Guess, Scripted, know
from trajectune.dialects.registry import get_dialect
from trajectune.rollout.finished import finished
from trajectune.rollout.rollout import rollout
from trajectune.storage import Rejected, read_records
from trajectune.trajectory import Trajectory


def play(path: Path) -> list[Trajectory]:
    environment = Guess(4)
    rollout(environment, environment.tasks("train"), Scripted(know), get_dialect("react", "guess"), path)
    rejected: list[Rejected] = []
    return list(read_records(path, Trajectory, rejected))


def test_doubled_rows_of_a_merged_file_are_one_and_said(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "t.jsonl"
    before = play(path)
    whole = path.read_bytes()
    path.write_bytes(whole + whole)
    assert finished(path) == {row.id for row in before}
    assert path.read_bytes() == whole
    assert "4 episodes stood there twice" in caplog.text


@pytest.mark.parametrize(
    "line", [b'{"id": ["x"]}', b'{"id": "a"}', b"null", b"{torn", b"\xff", b'{"outcome": []}', b"[" * 5_000]
)
def test_a_row_that_cannot_be_read_stays_and_its_episode_is_played(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "t.jsonl"
    first = play(path)[0]
    rows = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(line + b"\n" + b"".join(rows[1:]))
    assert first.id not in finished(path)
    assert {row.id for row in play(path)} >= {first.id}
    assert path.read_bytes().startswith(line + b"\n")
