"""Wishes in words: every slot filled, articles that fit, and nothing shared between train and test."""

from __future__ import annotations

from dataclasses import fields
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.web_shop.generator.goods import bare, kinds
from trajectune.environments.web_shop.generator.wordings import TEST, TRAIN, Wordings, say


def test_no_wording_is_shared() -> None:
    for field in fields(Wordings):
        assert not set(getattr(TRAIN, field.name)) & set(getattr(TEST, field.name)), field.name


@given(
    st.sampled_from(kinds()),
    st.sampled_from([TRAIN, TEST]),
    st.integers(1, 3),
    st.integers(0, 2),
    st.none() | st.sampled_from([20.0, 140.0]),
    st.integers(),
)
def test_a_wish_says_all_that_it_asks_for(kind, words, features, options, limit, seed) -> None:
    rng = Random(seed)
    wanted = rng.sample(kind.features, features)
    chosen = {name: rng.choice(values) for name, values in list(kind.options.items())[:options]}
    told = say(words, kind, wanted, chosen, limit, rng)
    assert kind.name in told
    for text in (*map(bare, wanted), *chosen.values()):
        assert text in told
    assert ("dollars" in told) == (limit is not None)
    assert limit is None or f"{limit:.2f}" in told
    assert "{" not in told
    assert "  " not in told


@pytest.mark.parametrize(
    ("name", "feature", "beginning"),
    [
        ("office chair", "ergonomic", "an ergonomic office chair"),
        ("office chair", "+footrest", "an office chair"),
        ("cutting board", "odor resistant", "an odor resistant cutting board"),
        ("camping tent", "uv resistant", "a uv resistant camping tent"),
        ("ottoman bench", "sturdy", "a sturdy ottoman bench"),
        ("hiking boots", "waterproof", "a pair of waterproof hiking boots"),
        ("herbal tea", "unsweetened", "some unsweetened herbal tea"),
    ],
)
def test_articles_fit(name: str, feature: str, beginning: str) -> None:
    kind = next(each for each in kinds() if each.name == name)
    told = {say(TRAIN, kind, [feature], {}, None, Random(seed)) for seed in range(40)}
    assert any(beginning in each for each in told)
    assert not any("a e" in each or "an w" in each for each in told)
