"""`trajectune instructions`: what a user types and sees."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.teachers import teaching


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    with closing(sqlite3.connect(tmp_path / "shop.sqlite")) as connection:
        connection.execute("CREATE TABLE goods (name TEXT, price INT)")
        connection.execute("INSERT INTO goods VALUES ('book', 7)")
        connection.commit()
    rows = [
        {"question": "What does a book cost?", "SQL": "SELECT price FROM goods WHERE name = 'book'"},
        {"question": "What is free?", "SQL": "SELECT name FROM goods WHERE price = 0"},
    ]
    path = tmp_path / "questions.json"
    path.write_text(json.dumps(rows))
    return path


def test_derive_shows_the_funnel_and_what_a_recipe_needs(
    trajectune: Callable[..., Any], questions: Path
) -> None:
    ended = trajectune(
        "instructions", "derive", questions, questions.parent / "shop.sqlite", "--to", "made"
    )
    assert ended.status == 0
    assert "database task derivation – 2 2 1 50.0%" in ended.out
    assert "1 × its gold statement finds nothing" in ended.out
    assert "source: sqlite" in ended.out
    assert "questions: made/questions.json" in ended.out


def test_invent_asks_a_server_and_counts(
    trajectune: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with teaching(lambda *_: "Sorry, no.") as teacher:
        ended = trajectune(
            "instructions",
            "invent",
            "database",
            "--to",
            "made",
            "--requests",
            2,
            "--url",
            teacher.url,
            "-m",
            "t",
        )
    assert ended.status == 2
    assert "not one task was accepted" in ended.err
    assert "see the reasons there" in ended.err
    assert len(teacher.prompts) == 2
    counts = json.loads(Path("made/instructions.json").read_text())
    assert counts["rejected"] == {"no task can be read in the reply": 2}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("derive", "gone.json", "gone.sqlite", "--to", "made"), "the file does not exist"),
        (("invent", "databse", "--to", "made", "-m", "t"), "did you mean 'database'"),
    ],
)
def test_mistakes_are_told(trajectune: Callable[..., Any], arguments: tuple[str, ...], words: str) -> None:
    ended = trajectune("instructions", *arguments)
    assert ended.status == 2
    assert words in ended.err


@pytest.mark.parametrize("command", ["derive", "invent"])
def test_help_teaches(trajectune: Callable[..., Any], command: str) -> None:
    ended = trajectune("instructions", command, "--help")
    assert ended.status == 0
    assert f"trajectune instructions {command}" in ended.out
    assert "rejected.jsonl" in ended.out
