"""BLEU as AgentBench counts it, against hand-worked values, and the choice made by it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.household.engine.nearest import THRESHOLD, bleu, nearest

WORDS = st.lists(st.sampled_from(["go", "to", "desk", "shelf", "1", "2", "take", "mug"]), max_size=8)


def test_equal_sentences_of_four_words_score_one() -> None:
    assert bleu(["go", "to", "desk", "1"], ["go", "to", "desk", "1"]) == pytest.approx(1.0)


def test_a_missing_four_gram_is_smoothed_by_method_4() -> None:
    # 3 of 4 words, 2 of 3 pairs, 1 of 2 triples; no four-gram: log(4) / (2 * 5) in its place.
    expected = (3 / 4 * 2 / 3 * 1 / 2 * (math.log(4) / 10) / 1) ** 0.25
    assert bleu(["go", "to", "desk", "1"], ["go", "to", "desk", "2"]) == pytest.approx(expected)


def test_short_candidates_pay_for_brevity() -> None:
    # One word of four: orders 2 to 4 are empty and left out, so BLEU is the brevity penalty alone.
    assert bleu(["go", "to", "desk", "1"], ["desk"]) == pytest.approx(math.exp(1 - 4))


@given(WORDS, WORDS)
def test_bleu_lies_between_zero_and_one(reference: list[str], candidate: list[str]) -> None:
    score = bleu(reference, candidate)
    assert 0.0 <= score <= 1.0 + 1e-12
    assert (score > 0) == bool(set(reference) & set(candidate))


def test_the_nearest_command_is_chosen() -> None:
    commands = ["go to desk 1", "take mug 1 from shelf 2", "look"]
    assert nearest("take the mug 1 from the shelf 2", commands) == "take mug 1 from shelf 2"
    assert nearest("xyz", commands) is None
    assert nearest("", commands) is None
    assert nearest("look", []) is None


COMMANDS = st.lists(
    st.sampled_from(["go to desk 1", "go to desk 2", "take mug 1 from shelf 2", "look", "open drawer 3"]),
    unique=True,
)


@given(COMMANDS, st.lists(st.sampled_from(["go", "to", "desk", "1", "mug", "shelf", "zzz"]), max_size=9))
def test_no_other_admissible_command_is_more_alike(commands: list[str], said: list[str]) -> None:
    chosen = nearest(" ".join(said), commands)
    scores = {command: bleu(command.split(), said) for command in commands}
    if chosen is None:
        assert max(scores.values(), default=0) <= THRESHOLD
    else:
        assert scores[chosen] == max(scores.values()) > THRESHOLD
        assert chosen == next(command for command in commands if scores[command] == scores[chosen])


@given(COMMANDS.filter(bool))
def test_an_admissible_command_of_four_words_is_its_own_nearest(commands: list[str]) -> None:
    for command in commands:
        if len(command.split()) >= 4:
            assert nearest(command, commands) == command


def test_a_long_reply_is_compared_by_its_beginning() -> None:
    assert nearest("go to desk 1 " + "zzz " * 10_000, ["go to desk 1"]) == nearest(
        "go to desk 1 " + "zzz " * 46, ["go to desk 1"]
    )
