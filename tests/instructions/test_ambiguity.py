"""A query that leaves its result to the engine is told from one that does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.instructions.ambiguity import OPEN_GROUP, TIES, ambiguity, closed_groups, closed_ties

COLUMNS = [Column("name"), Column("team"), Column("goals", "INT")]
PLAYERS = Table("players", COLUMNS, [["Ada", "red", 3], ["Bo", "red", 3], ["Cy", "blue", 1]])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    made = Sandbox([PLAYERS])
    yield made
    made.close()


@pytest.mark.parametrize(
    ("query", "reason"),
    [
        ("SELECT name FROM players ORDER BY goals DESC LIMIT 1", TIES),
        ("SELECT name FROM players LIMIT 1", TIES),
        (
            "SELECT count(*) FROM players WHERE name = (SELECT name FROM players ORDER BY goals LIMIT 1)",
            "",
        ),
        (
            "SELECT name FROM players WHERE name = (SELECT name FROM players ORDER BY goals DESC LIMIT 1)",
            TIES,
        ),
        ("SELECT name FROM players ORDER BY goals LIMIT 1", ""),
        ("SELECT goals FROM players ORDER BY goals DESC LIMIT 1", ""),
        ("SELECT name FROM players ORDER BY goals DESC LIMIT 2", ""),
        ("SELECT name, team FROM players GROUP BY team", OPEN_GROUP),
        ("SELECT name, max(goals) FROM players", OPEN_GROUP),
        ("SELECT team, goals FROM players GROUP BY team", ""),
        ("SELECT team, count(*) FROM players GROUP BY team", ""),
        ("SELECT `team` FROM `players` GROUP BY `team` ORDER BY count(*) DESC LIMIT 1", ""),
        ("SELECT name FROM players", ""),
        ("SELECT * FROM players LIMIT 1", ""),
        ("no query at all (", ""),
    ],
)
def test_what_is_open_is_found(sandbox: Sandbox, query: str, reason: str) -> None:
    assert ambiguity(query, sandbox) == reason


def test_a_closed_query_says_what_it_settles() -> None:
    up, down = closed_ties("SELECT name, team FROM players ORDER BY goals LIMIT 1") or ("", "")
    assert up.endswith("ORDER BY goals, 1 ASC, 2 ASC LIMIT 1")
    assert down.endswith("ORDER BY goals, 1 DESC, 2 DESC LIMIT 1")
    low, high = closed_groups("SELECT team, name AS who FROM players GROUP BY team") or ("", "")
    assert "MIN(name) AS who" in low
    assert "MAX(name) AS who" in high
    assert closed_ties("SELECT name FROM players") is None
    assert closed_groups("SELECT team FROM players GROUP BY team") is None


@given(goals=st.lists(st.integers(0, 3), min_size=1, max_size=6), limit=st.integers(1, 6))
def test_ties_are_found_exactly_where_they_are(goals: list[int], limit: int) -> None:
    rows = [[f"n{number}", "t", value] for number, value in enumerate(goals)]
    sandbox = Sandbox([Table("players", COLUMNS, rows)])
    ordered = sorted(goals)
    tied = limit < len(ordered) and ordered[limit - 1] == ordered[limit]
    found = ambiguity(f"SELECT name FROM players ORDER BY goals LIMIT {limit}", sandbox)
    sandbox.close()
    assert (found == TIES) == tied
