"""Themes and frames as data: sound, complete, and apart for train and test."""

from __future__ import annotations

import re
import string

import pytest

from trajectune.environments.database.engine.schema import RANKED
from trajectune.environments.database.generator import wordings
from trajectune.environments.database.generator.themes import Theme, train_themes
from trajectune.environments.database.generator.themes import test_themes as unseen_themes
from trajectune.environments.database.generator.wordings import Wordings

ALL = (*train_themes(), *unseen_themes())
ALWAYS = {"e", "es", "T"}
GIVEN = {
    "select": {"t", "where", "having"},
    "select_key": {"t", "k"},
    "select_like": {"t", "c", "v"},
    "count": {"t", "where", "having"},
    "count_all": set(),
    "count_distinct": {"t"},
    "comparison": {"t", "where", "having"},
    "ranking": {"t", "c", "sup", "n"},
    "ranking_adj": {"t", "c", "sup", "n"},
    "ranking_where": {"t", "c", "sup", "n", "where", "having"},
    "ranking_top": {"t", "c", "sup", "n"},
    "sum": {"c", "sup", "where", "having"},
    "avg": {"c", "sup", "where", "having"},
    "max": {"c", "sup", "where", "having"},
    "join": {"p", "t", "where", "having"},
    "join_count": {"p", "where", "having"},
    "join_up": {"p", "t", "k"},
    "insert": {"k", "pairs", "rest", "cols", "vals"},
    "update": {"sets", "where", "having"},
    "update_key": {"k", "sets", "pairs"},
    "delete": {"where", "having"},
    "delete_key": {"k"},
}
"""The slots that the generator fills for each kind."""
NEEDED = {
    "select": {"t"}, "select_key": {"t", "k"}, "select_like": {"t", "c", "v"}, "comparison": {"t"},
    "ranking": {"sup"}, "ranking_top": {"n", "sup"}, "ranking_where": {"sup"}, "sum": {"c"}, "avg": {"c"},
    "max": {"c", "sup"}, "join_up": {"t", "k"}, "update": {"sets"}, "update_key": {"k"},
    "delete_key": {"k"},
}  # fmt: skip
"""Slots without which a question could not be answered."""


def slots(frame: str) -> set[str]:
    names = {name for _, name, _, _ in string.Formatter().parse(frame) if name}
    return {name.lower() if len(name) > 1 else name for name in names}


@pytest.mark.parametrize("words", [wordings.TRAIN, wordings.TEST], ids=["train", "test"])
def test_frames_ask_for_what_the_generator_gives(words: Wordings):
    assert set(words.frames) == set(GIVEN)
    for kind, frames in words.frames.items():
        for frame in frames:
            assert slots(frame) <= GIVEN[kind] | ALWAYS, (kind, frame)
            assert NEEDED.get(kind, set()) <= slots(frame), (kind, frame)
            if "where" in GIVEN[kind]:
                assert slots(frame) & {"where", "having"}, (kind, frame)


@pytest.mark.parametrize("words", [wordings.TRAIN, wordings.TEST], ids=["train", "test"])
def test_phrases_name_the_column_and_the_value(words: Wordings):
    for form in (*words.where, *words.having, *words.pair, *words.assign):
        assert slots(form) == {"c", "v"}
    for form in (*words.where_than, *words.having_than):
        assert slots(form) == {"c", "op", "v"}


def test_an_insert_tells_every_value():
    for words in (wordings.TRAIN, wordings.TEST):
        for frame in words.frames["insert"]:
            assert slots(frame) >= {"pairs"} or slots(frame) >= {"k", "rest"} or slots(frame) >= {"vals"}


@pytest.mark.parametrize("theme", ALL, ids=lambda theme: theme.one)
def test_a_theme_makes_tables_that_can_be_asked_about(theme: Theme):
    headers = [field.header.lower() for field in theme.fields]
    assert len(set(headers)) == len(headers) >= 4
    assert [field for field in theme.fields[1:] if field.kind in RANKED]
    assert theme.names
    assert all(name and "`" not in name and "]" not in name for name in theme.names)
    assert theme.one != theme.many


def test_words_that_rank_are_a_pair():
    for field in (field for theme in ALL for field in theme.fields):
        assert field.most
        assert field.least
        assert field.most != field.least
        if field.kind not in RANKED:
            assert (field.most, field.least) == ("highest", "lowest"), field


def test_every_nouns_is_apart_for_train_and_test():
    train = {word for theme in train_themes() for word in re.findall(r"\w+", theme.one.lower())}
    test = {theme.one.lower() for theme in unseen_themes()}
    assert not train & test
