"""The expert reads what it is sent, states the direction, and mends each of its mistakes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support.databases import opened
from trajectune.environments.contract import Move
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.environments.database.expert.expert import Routes, expert, read_values

TABLE = Table(
    "High Peaks",
    [Column("Peak"), Column("Height (m)", "INT"), Column("land")],
    [["Mount Elgin", 3100, "Peru"], ["North Horn", 2900, "Chile"], ["Big Ben", 2745, "Peru"]],
)
RANKING = "SELECT `Peak` FROM `High Peaks` ORDER BY `Height (m)` ASC LIMIT 1"
INSERT = "INSERT INTO `High Peaks` (`Peak`, `Height (m)`, `land`) VALUES ('O''Neil', 5, 'Peru')"
SELECT = "SELECT `land` FROM `High Peaks` WHERE `Peak` = 'North Horn'"


def problem(gold: str, answers: list[str] | None, question: str = "Which peak is the lowest?") -> Problem:
    return Problem(question, "x", gold, answers, [TABLE])


def routes(item: Problem) -> list[list[Move]]:
    found = []
    for seed in range(60):
        moves = expert(item, str(seed))
        assert moves is not None
        episode = opened(item)
        route = [next(moves)]
        while not (result := episode.step(route[-1].calls[0])).done:
            route.append(moves.send(result.observation))
        assert result.reward == 1
        found.append(route)
    return found


@pytest.mark.parametrize(
    ("gold", "answers", "lengths"),
    [(RANKING, ["Big Ben"], {2, 3}), (SELECT, ["Chile"], {2, 3}), (INSERT, None, {2, 3, 4})],
)
def test_several_routes_and_words(gold: str, answers: list[str] | None, lengths: set[int]):
    found = routes(problem(gold, answers))
    assert {len(route) for route in found} == lengths
    assert any(not route[0].trained for route in found)
    assert all(move.trained for route in found for move in route[1:])
    assert len({route[-2].thought for route in found}) > 3


def test_values_come_from_the_observation():
    moves = expert(problem(RANKING, ["Big Ben"]), "direct")
    assert moves is not None
    next(moves)
    assert moves.send("[('Other',), (None,), (3,)]").calls[0].arguments == {
        "values": ["Other", "none", "3"]
    }


@pytest.mark.parametrize("gold", ["", "SELECT nothing", "SELECT `Peak` FROM `High Peaks`", "SELECT 1\n+ 1"])
def test_no_expert_where_the_gold_statement_does_not_earn_the_reward(gold: str):
    assert expert(problem(gold, ["Big Ben"]), "0") is None


@pytest.mark.parametrize(
    ("observation", "values"),
    [
        ("[]", ["none"]),
        ("[(None,)]", ["none"]),
        ("[('a', 1), ('b', 2.5)]", ["a", "1", "b", "2.5"]),
        ("Error: no such table", None),
        ("[('cut off', [TRUNCATED]", None),
        ("7", None),
    ],
)
def test_reading_observations(observation: str, values: list[str] | None):
    assert read_values(observation) == values


def moves_of(item: Problem, seed: str, routes: Routes) -> list[Move]:
    """The whole route of an expert."""
    moves = expert(item, seed, routes)
    assert moves is not None
    episode = opened(item)
    route = [next(moves)]
    while not (result := episode.step(route[-1].calls[0])).done:
        route.append(moves.send(result.observation))
    assert result.reward == 1
    episode.close()
    return route


def test_routes_are_taken_as_often_as_asked_for():
    item = problem(SELECT, ["Chile"])
    direct, looking = Routes(repair=0, look=0), Routes(repair=0, look=1)
    for seed in range(20):
        assert len(moves_of(item, str(seed), direct)) == 2
        look, gold, _ = moves_of(item, str(seed), looking)
        assert "SELECT DISTINCT `Peak`" in str(look.calls[0].arguments["query"])
        assert gold.calls[0].arguments["query"] == SELECT
        assert not moves_of(item, str(seed), Routes(repair=1, look=0))[0].trained


@given(st.integers(0, 10**6))
def test_the_seed_settles_route_and_words(seed: int):
    item = problem(RANKING, ["Big Ben"])
    assert moves_of(item, str(seed), Routes()) == moves_of(item, str(seed), Routes())


@pytest.mark.parametrize(
    ("gold", "check"),
    [
        (
            "DELETE FROM `High Peaks` WHERE `land` = 'Peru'",
            "SELECT COUNT(*) FROM `High Peaks` WHERE `land` = 'Peru'",
        ),
        (
            "UPDATE `High Peaks` SET `land` = 'Mali' WHERE `Peak` = 'Big Ben'",
            "SELECT `land` FROM `High Peaks` WHERE `Peak` = 'Big Ben'",
        ),
        ("UPDATE `High Peaks` SET `land` = 'Mali' WHERE `land` = 'Peru'", None),
        ("UPDATE `High Peaks` SET `land` = 'Mali'", None),
        (INSERT, "SELECT * FROM `High Peaks` WHERE `Peak` = 'O''Neil'"),
    ],
)
def test_a_change_is_checked_by_a_query_that_shows_it(gold: str, check: str | None):
    item = problem(gold, None)
    routes = [moves_of(item, str(seed), Routes(repair=0, look=0)) for seed in range(60)]
    checks = {str(route[1].calls[0].arguments["query"]) for route in routes if len(route) == 3}
    assert checks == ({check} if check else set())
    assert any(len(route) == 2 for route in routes)


def test_a_look_tells_what_was_seen():
    item = problem(SELECT, ["Chile"])
    thoughts = {moves_of(item, str(seed), Routes(repair=0, look=1))[1].thought for seed in range(40)}
    assert any("'Mount Elgin'" in thought for thought in thoughts)
    assert all(any(word in thought for word in ("Peak", "written like")) for thought in thoughts)
