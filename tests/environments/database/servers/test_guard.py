"""Which statements are sent, and how PostgreSQL is told MySQL's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.database.servers.guard import postgresql, reads, refusal, verb

NAMES = ["Final Scores", "Name", "Score"]


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT 1",
        "  ((select 1) union (select 2))",
        "-- look\nSELECT 1",
        "/* look */ # more\n SELECT 1",
        "WITH a AS (SELECT 1) SELECT * FROM a",
        "insert into t values (1)",
        "UPDATE t SET a = 1",
        "DELETE FROM t",
        "REPLACE INTO t VALUES (1)",
        "SHOW TABLES",
        "SHOW FULL COLUMNS FROM t",
        "DESCRIBE t",
        "EXPLAIN SELECT 1",
    ],
)
def test_statements_about_rows_are_sent(sql: str):
    assert refusal(sql) == ""


@pytest.mark.parametrize(
    "sql",
    [
        "",
        ";",
        "SET max_statement_time = 0",
        "SET STATEMENT max_statement_time=0 FOR SELECT SLEEP(9)",
        "/*!50000 SET max_statement_time=0 */",
        "/*M! SET max_statement_time=0 */",
        "SELECT 1 /*! INTO OUTFILE '/tmp/x' */",
        "BEGIN",
        "COMMIT",
        "LOCK TABLES t WRITE",
        "CREATE TABLE t (a INT)",
        "DROP TABLE t",
        "COPY t TO PROGRAM 'id'",
        "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t",
        "DO $$ BEGIN PERFORM 1; END $$",
        "PREPARE x FROM 'SELECT 1'",
        "CALL p()",
        "GRANT ALL ON *.* TO x",
        "SHOW VARIABLES",
        "SHOW GRANTS",
        "SHOW PROCESSLIST",
        "/* SELECT */ DROP TABLE t",
        "-- SELECT\nDROP TABLE t",
        "VACUUM",
    ],
)
def test_all_others_are_refused_with_a_reason(sql: str):
    assert "allowed" in refusal(sql)


@given(st.text(max_size=60))
def test_nothing_raises_and_only_known_words_begin_a_statement(text: str):
    assert verb(text).islower() or verb(text) == ""
    refusal(text)
    postgresql(text, NAMES)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", True),
        ("WITH a AS (SELECT 1) SELECT * FROM a", True),
        ("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", False),
        ("EXPLAIN ANALYZE DELETE FROM t", False),
        ("UPDATE t SET a = 1", False),
    ],
)
def test_what_surely_changes_nothing(sql: str, expected: bool):
    assert reads(sql) is expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT `name` FROM `final scores`", 'SELECT "Name" FROM "Final Scores"'),
        (
            "SELECT name FROM `final scores` LIMIT 1, 2",
            'SELECT "Name" FROM "Final Scores" LIMIT 2 OFFSET 1',
        ),
        ('SELECT 1 WHERE "a" = `score`', "SELECT 1 WHERE 'a' = \"Score\""),
        ("SELECT other FROM t", "SELECT other FROM t"),
    ],
)
def test_mysqls_words_become_postgresqls(sql: str, expected: str):
    assert postgresql(sql, NAMES) == expected


@pytest.mark.parametrize(
    "sql", ["SELECT 1; SELECT 2", "SELECT '", "(" * 40, "SELECT " + "a, " * 1_000, "\0"]
)
def test_what_has_no_translation_stays(sql: str):
    assert postgresql(sql, NAMES) in (None, sql)


def test_tables_and_columns_are_asked_for_in_the_catalogue():
    assert "pg_tables" in str(postgresql("SHOW TABLES;", NAMES))
    assert "lower('O''Hara')" in str(postgresql("DESCRIBE `O'Hara`", NAMES))
