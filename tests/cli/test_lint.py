"""`trajectune data lint`, as a user meets it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from trajectune.cli.data import app
from trajectune.errors import DataError

RUN = CliRunner(env={"COLUMNS": "160"})


def chat(*turns: tuple[str, str]) -> str:
    return json.dumps(
        {"id": "[red]x", "messages": [{"role": role, "content": words} for role, words in turns]}
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "my set.jsonl"
    good = chat(("user", "Hi"), ("assistant", "Hello."))
    odd = chat(
        ("user", "What is the capital of this country?"),
        ("assistant", "我现在需要\x1b[31m先看看这个页面上有什么"),
    )
    path.write_text("\n".join([good, chat(("user", ""), ("assistant", "Yes?")), odd, '{"torn']))
    return path


def test_the_table_names_faults_rows_shares_and_places(file: Path) -> None:
    result = RUN.invoke(app, ["lint", str(file)])
    assert result.exit_code == 0, result.output
    for text in (
        "my set.jsonl: 3 rows, 2 with a fault, 1 rejected",
        "empty_user_turn",
        "33.3%",
        "line 2, turn 1",
    ):
        assert text in result.output
    assert "line 4 rejected" in result.output


def test_samples_show_the_place_and_obey_nothing(file: Path) -> None:
    result = RUN.invoke(app, ["lint", str(file), "--show", "1"])
    assert (
        "mixed_languages: line 3, [red]x, turn 2: Chinese in a conversation that has none of it"
        in result.output
    )
    assert "我现在需要" in result.output
    assert "\x1b" not in result.output


def test_all_findings_of_all_files_are_written_as_json_lines(file: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.jsonl"
    result = RUN.invoke(app, ["lint", str(file), str(file), "--json", str(out)])
    assert result.exit_code == 0, result.output
    rows = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["file"], row["line"], row["fault"]) for row in rows] == [
        (str(file), 2, "empty_user_turn"),
        (str(file), 3, "mixed_languages"),
    ] * 2


def test_strict_fails_where_something_is_found_and_nowhere_else(file: Path, tmp_path: Path) -> None:
    assert RUN.invoke(app, ["lint", str(file), "--strict"]).exit_code == 1
    good = tmp_path / "good.jsonl"
    good.write_text(chat(("user", "Hi"), ("assistant", "Hello.")))
    result = RUN.invoke(app, ["lint", str(good), "--strict"])
    assert (result.exit_code, result.output.strip()) == (0, f"{good}: 1 rows, 0 with a fault")


def test_a_format_can_be_named_and_a_missing_file_is_told(file: Path, tmp_path: Path) -> None:
    assert "3 rejected" in RUN.invoke(app, ["lint", str(file), "--from", "alpaca"]).output
    result = RUN.invoke(app, ["lint", str(tmp_path / "none.jsonl")])
    assert isinstance(result.exception, DataError)
