"""AgentBench's three scores."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.knowledge_graph.scoring import NOTHING, Scores, mean, score

values = st.frozensets(st.sampled_from("abcdef"))


@pytest.mark.parametrize(
    ("predicted", "gold", "expected"),
    [
        ("ab", "ab", Scores(1.0, 1.0, 1.0)),
        ("a", "ab", Scores(2 / 3, 0.0, 1.0)),
        ("abc", "a", Scores(0.5, 0.0, 1.0)),
        ("x", "a", Scores(0.0, 0.0, 1.0)),
        ("", "a", NOTHING),
    ],
)
def test_scores(predicted: str, gold: str, expected: Scores):
    assert score(frozenset(predicted), frozenset(gold)) == expected


@given(values, values.filter(bool))
def test_scores_are_those_of_precision_and_recall(predicted: frozenset[str], gold: frozenset[str]):
    found = score(predicted, gold)
    assert 0 <= found.exact_match <= found.f1 <= found.executability <= 1
    if shared := len(predicted & gold):
        precision, recall = shared / len(predicted), shared / len(gold)
        assert found.f1 == pytest.approx(2 * precision * recall / (precision + recall))
    assert (found.f1 == 1) == (predicted == gold) == bool(found.exact_match)
    assert score(gold, predicted).f1 == found.f1


def test_a_suite_counts_all_episodes():
    assert mean([]) == NOTHING
    assert mean([Scores(1, 1, 1), NOTHING]) == Scores(0.5, 0.5, 0.5)
    assert mean([Scores(0.5, 0, 1)] * 4) == Scores(0.5, 0, 1)
