"""The expert reads what it is sent, states the direction, and mends each of its mistakes."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.contract import Move
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.sandbox import Answer
from trajectune.environments.database.engine.tables import Column, Table
from trajectune.environments.database.episode import DatabaseEpisode
from trajectune.environments.database.expert.expert import expert, read_values
from trajectune.environments.database.expert.mistakes import Mistake, mistakes
from trajectune.environments.database.expert.statement import Statement, read
from trajectune.environments.database.expert.thoughts import purpose, rank_word

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


@pytest.mark.parametrize(
    ("sql", "statement"),
    [
        (
            RANKING,
            Statement(
                "select", ("`High Peaks`",), ("`Peak`",), order="`Height (m)`", descending=False, limit="1"
            ),
        ),
        (
            "SELECT COUNT(*) FROM `t` WHERE `a` = 'x' AND `b` > 3",
            Statement(
                "select",
                ("`t`",),
                function="COUNT",
                conditions=("`a` is 'x'", "`b` is above 3"),
                tested=("`a`", "`b`"),
            ),
        ),
        (
            INSERT,
            Statement(
                "insert",
                ("`High Peaks`",),
                ("`Peak`", "`Height (m)`", "`land`"),
                values=("'O''Neil'", "5", "'Peru'"),
            ),
        ),
        (
            "UPDATE `t` SET `a` = 1 WHERE `b` LIKE '%x%'",
            Statement("update", ("`t`",), ("`a`",), conditions=("`b` contains 'x'",), tested=("`b`",)),
        ),
        ("DELETE FROM `t`", Statement("delete", ("`t`",))),
        ("not sql at ( all", Statement("other")),
    ],
)
def test_plans(sql: str, statement: Statement):
    assert read(sql) == statement


@given(st.integers(0, 1_000))
def test_thoughts_say_which_value_goes_where_and_what_is_read(seed: int):
    said = purpose(Random(seed), read(INSERT), "")
    assert "`Peak` 'O''Neil', `Height (m)` 5, `land` 'Peru'" in said
    ranked = purpose(Random(seed), read(RANKING), "Which peak is the lowest?")
    assert "`Peak`" in ranked
    assert "ascending" in ranked


@pytest.mark.parametrize(
    ("question", "word"),
    [
        ("Which peak is the tallest?\nheaders: lowest", "tallest"),
        ("Who has the most expensive interest?", "most expensive"),
        ("Name one from the west.", "first"),
    ],
)
def test_the_word_that_ranks(question: str, word: str):
    assert rank_word(question) == word


@pytest.mark.parametrize(("way", "end"), [("ASC", "lowest"), ("DESC", "highest")])
def test_a_ranking_thought_states_the_direction(way: str, end: str):
    for seed in range(20):
        thought = purpose(Random(seed), read(RANKING.replace("ASC", way)), "Which is the lowest?")
        assert way in thought
        assert end in thought
        assert "`Height (m)`" in thought


@pytest.mark.parametrize(
    "gold", [RANKING, INSERT, SELECT, "DELETE FROM `High Peaks` WHERE `land` = 'Peru'"]
)
def test_mistakes_are_wrong_harmless_and_mended(gold: str):
    kinds = set()
    for seed in range(40):
        for mistake in mistakes(Random(seed), read(gold), gold, "Which is the lowest?"):
            episode = DatabaseEpisode(problem(gold, None), seconds=1)
            before = episode.sandbox.state()
            seen = episode.sandbox.run(mistake.sql)
            assert episode.sandbox.state() == before
            assert mistake.shows(seen, episode.sandbox.run(gold))
            assert "\n" not in mistake.mended
            kinds.add(mistake.sql)
            episode.close()
    assert len(kinds) >= 3


def test_a_misspelling_that_hits_another_column_is_not_made():
    mistake = Mistake("SELECT `land` FROM `High Peaks`", "error", "The error says so.")
    assert not mistake.shows(Answer("[]"), Answer("[]"))
    assert mistake.shows(Answer("Error: x", failed=True), Answer("[]"))


def routes(item: Problem) -> list[list[Move]]:
    found = []
    for seed in range(60):
        moves = expert(item, str(seed))
        assert moves is not None
        episode = DatabaseEpisode(item, seconds=1)
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
