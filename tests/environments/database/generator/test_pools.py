"""Values fit their kind, are the same for the same seed, and are invented where a table is made up."""

from __future__ import annotations

import re
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trajectune.environments.database.generator.pools import NAMES, TEXTS, WORDS, draw, invented, sql_type
from trajectune.environments.database.generator.themes import Field, train_themes
from trajectune.environments.database.generator.themes import test_themes as unseen_themes

SEEDS = st.integers(0, 10**6)
FIELDS: list[Field] = [field for theme in (*train_themes(), *unseen_themes()) for field in theme.fields]


@settings(max_examples=30)
@given(SEEDS, st.booleans())
def test_every_column_of_every_theme_can_be_drawn(seed: int, made_up: bool):
    for field in FIELDS:
        value = draw(Random(seed), field.spec, made_up)
        kinds = {"INT": int, "FLOAT": float}
        assert type(value) is kinds.get(sql_type(field.spec), str)
        assert value == draw(Random(seed), field.spec, made_up)
        assert not isinstance(value, str) or (value == value.strip() and value and "\n" not in value)


@given(SEEDS, st.integers(-50, 50), st.integers(0, 50))
def test_numbers_stay_between_their_bounds(seed: int, low: int, width: int):
    whole = draw(Random(seed), f"int {low} {low + width}", False)
    part = draw(Random(seed), f"float {low} {low + width}", False)
    assert isinstance(whole, int)
    assert isinstance(part, float)
    assert low <= whole <= low + width
    assert low <= part <= low + width
    assert round(part, 2) == part


@pytest.mark.parametrize(
    ("kind", "form"),
    [
        ("date", r"(January|\w+) \d{1,2}, \d{4}|\d{1,2} \w+ \d{4}"),
        ("isodate", r"\d{4}-\d\d-\d\d"),
        ("thousands", r"\d{1,2},\d{3}"),
        ("percent", r"\d{1,2}\.\d%"),
        ("money", r"[$£€]\d+\.\dm"),
        ("score", r"\d–\d"),
        ("season", r"(\d\d)\d\d-\d\d"),
        ("time", r"\d:\d\d\.\d\d"),
        ("code", r"[A-Z]{2}-\d{2,3}"),
        ("section", r"\d\dx\d\d"),
        ("record", r"\d{1,2}-\d{1,2}"),
    ],
)
def test_texts_have_their_form(kind: str, form: str):
    for seed in range(50):
        assert re.fullmatch(form, str(draw(Random(seed), kind, False)))


def test_spans_of_years_run_forwards():
    for seed in range(100):
        first, last = map(int, str(draw(Random(seed), "years", False)).split("–"))
        assert first < last
        start, end = str(draw(Random(seed), "season", False)).split("-")
        assert (int(start) + 1) % 100 == int(end)


@pytest.mark.parametrize("kind", sorted(NAMES))
def test_made_up_names_are_in_no_list(kind: str):
    known = {word for words in WORDS.values() for word in words}
    for seed in range(100):
        real, made = (str(draw(Random(seed), kind, odd)) for odd in (False, True))
        parts = [name.split(" ", 1)[-1] if kind == "person" else name for name in (real, made)]
        assert parts[0] in known
        assert parts[1] not in known


def test_invented_words_look_like_words_and_seldom_come_twice():
    words = [invented(Random(seed)) for seed in range(500)]
    assert all(re.fullmatch(r"[A-Z][a-z]{3,14}", word) for word in words)
    assert len(set(words)) > 480


def test_alternatives_and_patterns():
    assert {draw(Random(seed), "of a,b", False) for seed in range(20)} == {"a", "b"}
    mounts = {str(draw(Random(seed), "as Mount *,* Peak", False)) for seed in range(40)}
    assert all(name.removeprefix("Mount ").removesuffix(" Peak") in WORDS["root"] for name in mounts)
    assert {name.startswith("Mount ") for name in mounts} == {True, False}


def test_an_unknown_kind_is_an_error():
    with pytest.raises(KeyError, match="colour"):
        draw(Random(0), "colour", False)
    assert not NAMES.keys() & TEXTS.keys()
