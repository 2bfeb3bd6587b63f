"""The wordings of thoughts: several for each occasion, with the slots that the shopper fills."""

from __future__ import annotations

from random import Random
from string import Formatter

from trajectune.environments.web_shop.expert.thoughts import WORDINGS, Thoughts

WORDS = dict.fromkeys(["thing", "asin", "price", "feature", "missing", "limit", "page", "value"], "x")


def test_every_occasion_has_several_wordings_with_known_slots() -> None:
    for occasion, wordings in WORDINGS.items():
        assert len(set(wordings)) == len(wordings) >= 2
        for wording in wordings:
            slots = {name for _, name, _, _ in Formatter().parse(wording) if name}
            assert slots <= WORDS.keys(), occasion
            assert wording.rstrip().endswith("."), wording


def test_a_thought_begins_with_a_capital_and_follows_the_generator() -> None:
    for occasion in WORDINGS:
        said = {Thoughts(Random(seed)).say(occasion, **WORDS) for seed in range(30)}
        assert len(said) == len(WORDINGS[occasion])
        assert all(thought[0] == thought[0].upper() for thought in said)
        assert Thoughts(Random(5)).say(occasion, **WORDS) == Thoughts(Random(5)).say(occasion, **WORDS)
