"""Hostile SQL is answered, quickly, and changes nothing it must not."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.engine.cells import MAX_CHARS
from trajectune.environments.database.engine.fence import MAX_BYTES
from trajectune.environments.database.engine.image import table_info, table_names
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.tables import Column, Table, load

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


def test_an_image_is_a_copy(sandbox: Sandbox):
    connection = sqlite3.connect(":memory:")
    load(connection, [PEAKS])
    copy = Sandbox(image=connection.serialize())
    assert copy.state() == sandbox.state()
    copy.run("DELETE FROM `High Peaks`")
    assert len(sandbox.query("SELECT 1 FROM `High Peaks`")) == 3
    assert copy.run("ATTACH 'x' AS y").failed
    copy.close()


def test_changes_count_rows(sandbox: Sandbox):
    before = sandbox.changes
    for sql, changes in (
        ("SELECT * FROM `High Peaks`", 0),
        ("UPDATE `High Peaks` SET share = 2 WHERE share > 1", 1),
        ("DELETE FROM `High Peaks` WHERE share = 99", 1),
        ("DELETE FROM `High Peaks` WHERE 1", 4),
    ):
        sandbox.run(sql)
        assert sandbox.changes == before + changes


def test_a_statement_that_fails_half_way_changes_nothing():
    box = Sandbox([Table("t", [Column("n", "INT")], [[n] for n in range(2000)])], seconds=5)
    before = box.state()
    assert box.run(
        "UPDATE t SET n = CASE WHEN n < 1990 THEN n + 1 ELSE abs(-9223372036854775808) END"
    ).failed
    assert box.state() == before
    box.close()


def test_the_clock_stops_a_statement_and_says_so():
    box = Sandbox(seconds=0.05)
    assert box.run(ENDLESS + "SELECT count(*) FROM c").text == "Error: stopped after 0.05 seconds"
    assert box.run("SELECT 1").text == "[(1,)]"
    box.close()


def test_a_database_cannot_outgrow_its_limit():
    box = Sandbox([Table("t", [Column("a")], [["x"]])], seconds=20)
    for _ in range(12):
        box.run("INSERT INTO t SELECT zeroblob(49000) FROM t")
    assert "full" in box.run("INSERT INTO t SELECT zeroblob(49000) FROM t").text
    ((size,),) = box.query("SELECT sum(length(a)) FROM t")
    assert MAX_BYTES / 4 < int(str(size)) <= MAX_BYTES
    box.close()


def test_bytes_that_are_no_text_are_shown_and_not_fatal(sandbox: Sandbox):
    assert not sandbox.run("SELECT CAST(x'ff41' AS TEXT)").failed
    assert sandbox.run("SELECT x'ff'").text == "[(b'\\xff',)]"


def test_a_query_of_our_own_raises(sandbox: Sandbox):
    with pytest.raises(sqlite3.Error):
        sandbox.query("SELECT nothing FROM nowhere")
    assert table_names(sandbox.image) == ["High Peaks"]
    assert [row[1:3] for row in table_info(sandbox.image, "High Peaks")] == [
        ("Peak", "TEXT"),
        ("Height (m)", "INTEGER"),
        ("share", "REAL"),
    ]


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
