"""`trajectune data trajectories`, as a user meets it."""

from __future__ import annotations

from pathlib import Path

from typer.testing import CliRunner

from curate.importing.conversations import OPENINGS, conversation, released
from trajectune.cli.data import app
from trajectune.curate.formats import write_examples
from trajectune.storage import read_records
from trajectune.trajectory import Trajectory

RUN = CliRunner(env={"COLUMNS": "160"})


def test_rows_become_trajectories_and_the_others_are_put_aside(tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    examples = [released(name) for name in OPENINGS]
    write_examples(rows, [*examples, conversation(["Hi [b]", "Ho"], "other")], "openai", [])
    result = RUN.invoke(app, ["trajectories", str(rows), str(out)])
    assert result.exit_code == 0, result.output
    assert [each.environment for each in read_records(out, Trajectory)] == list(OPENINGS)
    for text in (
        f"6 trajectories (85.7% of the rows) written to {out}",
        "  database: 1 rows, 2 steps",
        "7 steps are written again word for word and space for space",
        "2 steps are written again word for word\n",
        "1 steps are written again word for word, and the values of an answer as texts",
        "1 rows refused: see",
        "1 × no known rules in its first turn",
    ):
        assert text in result.output
    rejected = (tmp_path / "out.jsonl.rejected.jsonl").read_text(encoding="utf-8")
    assert rejected == '{"line": 7, "reason": "other: no known rules in its first turn"}\n'


def test_what_is_complete_leaves_no_file_of_rejected_rows(tmp_path: Path) -> None:
    rows, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    write_examples(rows, [released("household")], "agentinstruct", [])
    result = RUN.invoke(app, ["trajectories", str(rows), str(out), "--from", "agentinstruct"])
    assert "1 trajectories (100.0% of the rows)" in result.output
    assert "refused" not in result.output
    assert [each.name for each in sorted(tmp_path.iterdir())] == ["out.jsonl", "rows.jsonl"]
