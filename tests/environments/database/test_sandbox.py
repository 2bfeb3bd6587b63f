"""Hostile SQL is answered, quickly, and changes nothing it must not."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.sandbox import MAX_CHARS, Sandbox, brackets, plain
from trajectune.environments.database.engine.tables import Column, Table

PEAKS = Table(
    "High Peaks",
    [Column("Peak"), Column("Height (m)", "INT"), Column("share", "FLOAT")],
    [["Mount Elgin", 3100, 0.5], ["North Horn", 2900, 1.25], ["O'Neil", None, None]],
)


@pytest.fixture
def sandbox():
    box = Sandbox([PEAKS], seconds=0.3)
    yield box
    box.close()


ENDLESS = "WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) "


@pytest.mark.parametrize(
    "sql",
    [
        ENDLESS + "SELECT count(*) FROM c",
        "WITH RECURSIVE c(x, y) AS (SELECT 1, zeroblob(90000) UNION SELECT x + 1, zeroblob(90000) FROM c) "
        "SELECT count(*) FROM c",
        ENDLESS + "SELECT x FROM c ORDER BY x DESC",
        "INSERT INTO `High Peaks` " + ENDLESS + "SELECT hex(zeroblob(40000)), x, x FROM c",
        "SELECT zeroblob(1000000000)",
        "SELECT randomblob(1000000000)",
        "SELECT printf('%.*c', 1000000000, 'x')",
        "SELECT format('%1000000000d', 1)",
        "SELECT hex(zeroblob(90000))",
        "SELECT replace(hex(zeroblob(40000)), '0', hex(zeroblob(40000)))",
        "SELECT 'aaaa' LIKE '" + "%a" * 2000 + "'",
        "SELECT '" + "a" * 20_000 + "'",
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
        "SELECT " + " UNION ".join(["SELECT 1"] * 300),
        "SELECT load_extension('evil.so')",
        "SELECT readfile('/etc/passwd')",
        "SELECT writefile('/tmp/evil', 'x')",
        "SELECT fts3_tokenizer('simple')",
        "SELECT edit('x', 'vi')",
        "PRAGMA writable_schema = 1",
        "PRAGMA journal_mode = WAL",
        "PRAGMA temp_store_directory = '/tmp'",
        "CREATE TABLE evil (a)",
        "CREATE TEMP TABLE evil (a)",
        "CREATE TEMP TRIGGER evil AFTER DELETE ON `High Peaks` BEGIN SELECT 1; END",
        "CREATE VIRTUAL TABLE evil USING fts5(a)",
        "DROP TABLE `High Peaks`",
        "ALTER TABLE `High Peaks` ADD COLUMN evil",
        "DELETE FROM sqlite_master",
        "BEGIN",
        "VACUUM",
        "SELECT 1; DELETE FROM `High Peaks`",
        "SELECT ?",
        "SELECT \x00",
        "SELECT '\ud800'",
    ],
)
def test_hostile_statements_fail_soon_and_change_nothing(sandbox: Sandbox, sql: str):
    before, start = sandbox.state(), time.monotonic()
    answer = sandbox.run(sql)
    assert time.monotonic() - start < 1.5
    assert answer.failed
    assert answer.text.startswith("Error: ")
    assert len(answer.text) <= MAX_CHARS + len("[TRUNCATED]")
    assert sandbox.state() == before
    assert sandbox.run("SELECT COUNT(*) FROM `High Peaks`").text == "[(3,)]"


@pytest.mark.parametrize(
    "sql", ["ATTACH '{}' AS evil", "VACUUM INTO '{}'", "ATTACH DATABASE '{}' AS main2"]
)
def test_no_file_is_written(sandbox: Sandbox, tmp_path: Path, sql: str):
    target = tmp_path / "evil.db"
    assert sandbox.run(sql.format(target)).failed
    assert not target.exists()


def test_output_is_written_as_python_tuples(sandbox: Sandbox):
    assert sandbox.run("SELECT * FROM `High Peaks`").text == (
        "[('Mount Elgin', 3100, 0.5), ('North Horn', 2900, 1.25), (\"O'Neil\", None, None)]"
    )
    assert sandbox.run("UPDATE `High Peaks` SET share = 1").text == "[]"


def test_output_is_cut_and_says_so(sandbox: Sandbox):
    text = sandbox.run(
        "SELECT a.Peak FROM `High Peaks` a, `High Peaks` b, `High Peaks` c, `High Peaks` d"
    ).text
    assert len(text) == MAX_CHARS + len("[TRUNCATED]")
    assert text.endswith("[TRUNCATED]")


def test_text_is_compared_without_case_as_in_mysql(sandbox: Sandbox):
    assert (
        sandbox.run("SELECT `Height (m)` FROM `high peaks` WHERE peak = 'MOUNT elgin'").text == "[(3100,)]"
    )


def test_a_misspelt_column_in_back_quotes_is_an_error(sandbox: Sandbox):
    assert "no such column: Peek" in sandbox.run("SELECT `Peek` FROM `High Peaks`").text


def test_table_facts_may_be_read(sandbox: Sandbox):
    assert "Height (m)" in sandbox.run("PRAGMA table_info(`High Peaks`)").text


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT `a b`, '`x`', \"`y`\" FROM `t`", "SELECT [a b], '`x`', \"`y`\" FROM [t]"),
        ("SELECT 'it''s `so`'", "SELECT 'it''s `so`'"),
        ("SELECT `a``b`, `c]`", "SELECT `a``b`, `c]`"),
    ],
)
def test_brackets_touch_names_only(sql: str, expected: str):
    assert brackets(sql) == expected


def test_equal_cells_have_one_plain_form():
    assert plain(7) == plain(7.0) == plain("7") == plain(" 7.0 ")
    assert len({plain(None), plain(""), plain("None"), plain("7a")}) == 4


def test_closing_twice_does_nothing(sandbox: Sandbox):
    sandbox.close()
    sandbox.close()


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=60) | st.text(alphabet="SELECT*FROMab`'\"();,%-= \n", max_size=60))
def test_run_never_raises(sql: str):
    box = Sandbox([PEAKS], seconds=0.2)
    answer = box.run(sql)
    assert isinstance(answer.text, str)
    box.close()
