"""Only the streams that have a say are run, and every position sees its own past."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest
import torch

from support.models import Tiny
from trajectune.composition.composition import Composition, Term, WeightFilter
from trajectune.engine.distribution import Distribution, probabilities_of
from trajectune.engine.requests import Request
from trajectune.engine.row import Row
from trajectune.engine.sampling import Sampling
from trajectune.engine.stream import Stream

SIZE = 48
A, B, C = (Tiny(vocabulary=SIZE, layers=1, seed=seed).loaded(name) for seed, name in enumerate("abc"))


class Counted:
    """A stream that gives fixed logits and counts how often it was asked."""

    def __init__(self, value: float) -> None:
        self.logits = value * torch.arange(float(SIZE))
        self.asked = 0

    def scores(self, rows: Sequence[Row], count: int) -> torch.Tensor:
        self.asked += 1
        return self.logits.expand(len(rows), count, -1)


def row(*weights: float, sampling: Sampling | None = None) -> Row:
    request = Request([3, 4], sampling=sampling or Sampling())
    return Row("key", request, 0, frozenset(), 64, ([3, 4],), weights)


def over(composition: Composition, of_term: list[int]) -> tuple[Distribution, list[Counted]]:
    streams = [Counted(10.0**number) for number in range(max(of_term) + 1)]
    return Distribution(composition, cast("list[Stream]", streams), of_term), streams


THREE = Composition((Term(A, 1.0), Term(B, 1.0), Term(C, -1.0)), draft="b")


@pytest.mark.parametrize(
    ("weights", "asked"),
    [
        ([(1.0, 1.0, -1.0)], [1, 1, 1]),
        ([(1.0, 0.0, 0.0)], [1, 0, 0]),
        ([(1.0, 0.0, 0.0), (0.0, 0.0, 2.0)], [1, 0, 1]),
        ([(0.0, 0.0, 0.0)], [1, 0, 0]),  # somebody has to say how many tokens there are
    ],
)
def test_who_has_no_weight_in_any_row_is_not_run(
    weights: list[tuple[float, float, float]], asked: list[int]
) -> None:
    distribution, streams = over(THREE, [0, 1, 2])
    found = distribution.scores([row(*each) for each in weights], 2)
    assert [stream.asked for stream in streams] == asked
    assert found.shape == (len(weights), 2, SIZE)
    for scores, each in zip(found, weights, strict=True):
        slope = sum(weight * 10.0**number for number, weight in enumerate(each))
        torch.testing.assert_close(scores[0], slope * torch.arange(float(SIZE)))


def test_the_anchor_of_a_filter_is_run_whatever_it_weighs() -> None:
    filtered = Composition((Term(A), Term(B, 0.0)), WeightFilter("b", 0.9))
    distribution, streams = over(filtered, [0, 1])
    distribution.scores([row(1.0, 0.0)], 1)
    assert [stream.asked for stream in streams] == [1, 1]


def test_terms_that_share_a_stream_run_it_once() -> None:
    distribution, streams = over(Composition((Term(A), Term(A, 2.0))), [0, 0])
    found = distribution.scores([row(1.0, 2.0)], 1)
    assert streams[0].asked == 1
    torch.testing.assert_close(found[0, 0], 3 * torch.arange(float(SIZE)))


def test_what_is_known_is_not_asked_again() -> None:
    distribution, streams = over(THREE, [0, 1, 2])
    known = {1: torch.zeros(1, 3, SIZE)}
    found = distribution.scores([row(1.0, 1.0, 0.0)], 3, known)
    assert [stream.asked for stream in streams] == [1, 0, 0]
    torch.testing.assert_close(found[0, 0], torch.arange(float(SIZE)))
    assert distribution.drafter() == 1
    assert over(Composition.single(A), [0])[0].drafter() is None


@pytest.mark.parametrize("drafted", [0, 1])
def test_a_penalty_sees_the_draft_up_to_its_place(drafted: int) -> None:
    penalised = Sampling(temperature=1.0, repetition_penalty=2.0)
    one: Any = row(1.0, sampling=penalised)
    one.tokens, one.draft = [5], [6, 7, 8]
    scores = torch.ones(1, 3, SIZE)
    found = probabilities_of(scores, [one], drafted)
    for place in range(3):
        seen = {3, 4, 5, *[6, 7, 8][: drafted + place]}
        below = (found[0, place] < found[0, place].max()).nonzero().flatten().tolist()
        assert set(below) == seen
