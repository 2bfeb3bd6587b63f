"""Questions with gold SQL become tasks that are played, and every other one has its reason."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from trajectune.environments.registry import load_environment
from trajectune.errors import DataError
from trajectune.instructions import derive as module
from trajectune.instructions.ambiguity import TIES
from trajectune.instructions.derive import derive
from trajectune.instructions.outcome import Construction
from trajectune.run.api.acting import Expert, rollout

Make = Callable[..., Path]


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    path = tmp_path / "shop.sqlite"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE goods (name TEXT, price INT, note TEXT)")
        connection.executemany(
            "INSERT INTO goods VALUES (?, ?, ?)",
            [("bell", 3, None), ("boat", 3, None), ("book", 7, "x" * 900)],
        )
        connection.commit()
    return path


@pytest.fixture
def questions(tmp_path: Path) -> Make:
    def write(*rows: Any) -> Path:
        path = tmp_path / "questions.json"
        path.write_text(json.dumps(list(rows)))
        return path

    return write


def ask(question: str, sql: str, **more: str) -> dict[str, str]:
    return {"question": question, "SQL": sql, "db_id": "shop", **more}


PRICE = ask("What does a book cost?", "SELECT price FROM goods WHERE name = 'book'")
DEAR = ask("What is dear?", "SELECT name FROM goods WHERE price > 5", evidence="dear means above 5")
REJECTED = [
    (ask("Which?", "SELECT nothing FROM goods"), module.FAILS),
    (ask("Which?", "SELECT name FROM goods WHERE price > 99"), module.NOTHING),
    (ask("Which?", "SELECT note FROM goods WHERE price = 3"), module.NOTHING),
    (ask("Which?", "SELECT note FROM goods WHERE price = 7"), module.TOO_LARGE),
    (ask("Which?", "SELECT name FROM goods ORDER BY price LIMIT 1"), TIES),
    (ask("Which?", "SELECT name\nFROM goods WHERE price = 7"), module.UNPROVEN),
    (ask("Change.", "UPDATE goods SET price = 3 WHERE price = 3"), module.IDLE),
    (ask("Which?", "SELECT 1", db_id="elsewhere"), module.UNREADABLE),
    ({"question": "Which?"}, module.UNREADABLE),
    (17, module.UNREADABLE),
]


def test_what_is_sound_is_written_as_it_was_read(shop: Path, questions: Make, tmp_path: Path) -> None:
    change = ask("Boats cost 4 now.", "UPDATE goods SET price = 4 WHERE name = 'boat'")
    made = derive(questions(PRICE, DEAR, change), shop, tmp_path / "out")
    assert json.loads((tmp_path / "out" / "questions.json").read_text()) == [PRICE, DEAR, change]
    assert (made.counts.asked, made.counts.accepted, made.counts.rejected) == (3, 3, {})
    assert Construction.load(tmp_path / "out") == made.counts


def test_the_tasks_are_played_and_earn_the_reward(shop: Path, questions: Make, tmp_path: Path) -> None:
    made = derive(questions(PRICE, DEAR), shop, tmp_path / "out")
    environment = load_environment(made.environment, made.options)
    played = rollout(environment, Expert(), to=tmp_path / "played.jsonl").trajectories()
    assert [each.reward for each in played] == [1.0, 1.0]
    assert "dear means above 5" in played[1].observation


@pytest.mark.parametrize(("row", "reason"), REJECTED)
def test_each_reason(row: Any, reason: str, shop: Path, questions: Make, tmp_path: Path) -> None:
    made = derive(questions(row, PRICE), shop, tmp_path / "out")
    assert made.counts.rejected == {reason: 1}
    (rejected,) = (tmp_path / "out" / "rejected.jsonl").read_text().splitlines()
    assert json.loads(rejected)["line"] == 1
    assert json.loads(rejected)["reason"].startswith(reason)


def test_repeated_and_contradicted_questions(shop: Path, questions: Make, tmp_path: Path) -> None:
    other = ask("what does  a book cost?", "SELECT price + 1 FROM goods WHERE name = 'book'")
    made = derive(questions(DEAR, DEAR, PRICE, other), shop, tmp_path / "out")
    assert made.counts.accepted == 1
    assert made.counts.rejected == {module.REPEATED: 1, module.CONTRADICTED: 2}


def test_a_draw_is_seeded_and_keeps_the_order(shop: Path, questions: Make, tmp_path: Path) -> None:
    rows = [ask(f"Question {n}?", f"SELECT price + {n} FROM goods WHERE name = 'book'") for n in range(9)]
    file = questions(*rows)
    drawn = [
        derive(file, shop, tmp_path / str(seed), tasks=4, seed=seed).folder / "questions.json"
        for seed in (0, 0, 1)
    ]
    first, again, other = (json.loads(path.read_text()) for path in drawn)
    assert first == again != other
    assert [rows.index(row) for row in first] == sorted(rows.index(row) for row in first)
    assert Construction.load(tmp_path / "1").rejected == {module.NOT_DRAWN: 5}


def test_what_the_user_must_mend(shop: Path, questions: Make, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no question can be played"):
        derive(questions(REJECTED[0][0]), shop, tmp_path / "out")
    (tmp_path / "list.json").write_text("{}")
    with pytest.raises(DataError, match="Not a list of questions"):
        derive(tmp_path / "list.json", shop, tmp_path / "out")


def test_progress_is_told(shop: Path, questions: Make, tmp_path: Path) -> None:
    told: list[tuple[int, int | None]] = []
    derive(
        questions(PRICE, DEAR), shop, tmp_path / "o", on_progress=lambda p: told.append((p.done, p.total))
    )
    assert told == [(0, 2), (1, 2), (2, 2)]


@pytest.mark.parametrize(
    ("file", "databases", "share"),
    [
        ("bird/superhero_questions.json", "bird/superhero.sqlite", 0.75),
        ("intercode/spider_dev.json", "intercode/spider_dbs.mysql.sql", 0.75),
    ],
)
def test_real_question_sets(
    shared_data: Path, tmp_path: Path, file: str, databases: str, share: float
) -> None:
    part = tmp_path / "part.json"
    part.write_text(json.dumps(json.loads((shared_data / file).read_text())[:60]))
    made = derive(part, shared_data / databases, tmp_path)
    rows = [json.loads(line) for line in (tmp_path / "rejected.jsonl").read_text().splitlines()]
    assert (made.counts.ratio or 0) >= share
    assert made.counts.asked == made.counts.accepted + len(rows)
    assert Counter(row["reason"].partition(":")[0] for row in rows) == made.counts.rejected
