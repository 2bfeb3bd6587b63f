"""One manner for one question: quotes, case, names of columns, articles, words of comparison."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.database.engine.problem import Condition
from trajectune.environments.database.generator import wordings
from trajectune.environments.database.generator.phrasing import Manner
from trajectune.environments.database.generator.wordings import EARLIER, LATER, LESS, MORE, Wordings

SEEDS = st.integers(0, 10**6)
WORDS = st.sampled_from([wordings.TRAIN, wordings.TEST])
SLOTS = {
    "t": "Peak", "c": "Height", "e": "mountain", "es": "mountains", "T": "Peaks", "k": "Ada", "v": "Bo",
    "sup": "tallest", "n": "2", "p": "range", "sets": "a to 1", "pairs": "a 1, b 2", "rest": "b 2",
    "cols": "a, b", "vals": "1, 2", "where": "the a is 1", "having": "an a of 1",
}  # fmt: skip


@given(SEEDS, WORDS, st.booleans())
def test_every_frame_can_be_filled(seed: int, words: Wordings, plain: bool):
    manner = Manner(Random(seed), words, plain)
    for kind in words.frames:
        sentence = manner.fill(kind, **SLOTS)
        assert "{" not in sentence
        assert manner.lower or sentence[0] == sentence[0].upper()


@given(SEEDS, WORDS)
def test_a_plain_manner_quotes_and_keeps_case(seed: int, words: Wordings):
    manner = Manner(Random(seed), words, plain=True)
    assert manner.value("Mount Ada") == "'Mount Ada'"
    assert manner.value(7) == "7"
    assert manner.column("Height (m)") == "`Height (m)`"
    assert manner.table("Peaks") == "`Peaks`"
    assert manner.asked("Mount Ada") == "Mount Ada"


@given(SEEDS, WORDS)
def test_a_question_in_lower_case_asks_in_lower_case(seed: int, words: Wordings):
    manner = Manner(Random(seed), words)
    assert manner.asked("Mount Ada") == ("mount ada" if manner.lower else "Mount Ada")
    assert manner.asked(1990) == 1990
    sentence = manner.fill("select_key", **SLOTS)
    assert (sentence == sentence.lower()) == manner.lower


@pytest.mark.parametrize(
    ("header", "plain"),
    [("stage_wins", "stage wins"), ("StageWins", "stage wins"), ("Height (m)", "height (m)"), ("#", "#")],
)
def test_columns_in_plain_words(header: str, plain: str):
    manner = Manner(Random(0), wordings.TRAIN)
    manner.plain_columns = True
    assert manner.column(header) == plain
    manner.plain_columns = False
    assert {manner.column(header).strip("'") for _ in range(20)} == {header}


def test_articles_follow_the_next_word():
    manner = Manner(Random(0), wordings.TRAIN, plain=False)
    manner.lower = False
    manner.words = Wordings((), (), (), (), (), (), {"x": ("Find a {e} or {e}. A {e}.",)})
    assert manner.fill("x", e="astronaut") == "Find an astronaut or astronaut. An astronaut."
    assert manner.fill("x", e="lake") == "Find a lake or lake. A lake."


@given(SEEDS, WORDS, st.sampled_from("<>"), st.sampled_from([7, 1990, 2.5]))
def test_words_of_comparison_fit_the_operator_and_the_year(
    seed: int, words: Wordings, operator: str, value: float
):
    manner = Manner(Random(seed), words)
    said = manner.conditions([Condition("c", operator, value)])  # type: ignore[arg-type]
    fitting = {"<": (LESS, EARLIER), ">": (MORE, LATER)}[operator][value == 1990]
    for clause in said.values():
        assert str(value) in clause
        assert any(re.search(rf"\b{word}\b", clause) for word in fitting)


@given(SEEDS, WORDS, st.lists(st.sampled_from(["aa", "bb", "cc"]), min_size=1, max_size=3, unique=True))
def test_all_conditions_and_pairs_are_told_in_order(seed: int, words: Wordings, columns: list[str]):
    manner = Manner(Random(seed), words)
    values = [f"value{n}" for n in range(len(columns))]
    conditions = [Condition(c, "=", v) for c, v in zip(columns, values, strict=True)]
    said = [*manner.conditions(conditions).values(), manner.pairs(columns, values)]
    said.append(manner.pairs(columns, values, assign=True))
    for text in said:
        assert re.findall(r"value\d", text) == values
        assert sorted(re.findall("aa|bb|cc", text)) == sorted(columns)
        assert (" and " in text) == (len(columns) > 1)
