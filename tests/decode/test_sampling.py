"""Sampling: the cuts are those of transformers, the draws follow the law, the seed decides."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import TemperatureLogitsWarper, TopKLogitsWarper, TopPLogitsWarper

from agenttune.decode.sampling import Sampling, candidates, choose
from agenttune.errors import RecipeError

RULES = [
    Sampling(0.7),
    Sampling(1.5, top_k=5),
    Sampling(1.0, top_p=0.8),
    Sampling(0.9, top_k=20, top_p=0.6),
]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_transformers(scores: torch.Tensor, rule: Sampling) -> torch.Tensor:
    ids, row = torch.zeros(1, 1, dtype=torch.long), scores[None]
    row = TemperatureLogitsWarper(rule.temperature)(ids, row)  # pyright: ignore[reportArgumentType]
    if rule.top_k:
        row = TopKLogitsWarper(rule.top_k)(ids, row)  # pyright: ignore[reportArgumentType]
    if rule.top_p < 1:
        row = TopPLogitsWarper(rule.top_p)(ids, row)  # pyright: ignore[reportArgumentType]
    return row.softmax(-1)[0]


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("size", [50, 3000])
def test_the_law_is_that_of_transformers(rule: Sampling, size: int) -> None:
    scores = torch.randn(size, generator=generator(1)) * 2
    probabilities, tokens = candidates(scores, rule)
    law = torch.zeros(size).index_add(0, tokens, probabilities / probabilities.sum())
    torch.testing.assert_close(law, by_transformers(scores, rule))


def test_a_flat_law_needs_more_than_the_first_guess() -> None:
    probabilities, _ = candidates(torch.zeros(5000), Sampling(1.0, top_p=0.9))
    assert len(probabilities) == pytest.approx(4500, abs=2)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_draws_follow_the_law(rule: Sampling) -> None:
    scores = torch.randn(12, generator=generator(2))
    source, draws = generator(3), 4000
    drawn = choose(scores.expand(draws, -1), [rule] * draws, [source] * draws)
    share = torch.bincount(torch.tensor(drawn), minlength=12) / draws
    # total variation of 4,000 draws over 12 tokens is about 0.02
    assert 0.5 * (share - by_transformers(scores, rule)).abs().sum() < 0.05


def test_temperature_zero_is_greedy_and_touches_no_generator() -> None:
    source = generator(4)
    before = source.get_state()
    assert choose(torch.tensor([[0.0, 3.0, 1.0]]), [Sampling()], [source]) == [1]
    assert torch.equal(source.get_state(), before)


@given(seed=st.integers(0, 2**31), neighbours=st.integers(0, 4))
def test_a_row_is_decided_by_its_own_seed(seed: int, neighbours: int) -> None:
    scores = torch.randn(neighbours + 1, 40, generator=generator(seed))
    rule = Sampling(1.2, top_p=0.9)
    generators = [generator(seed + row) for row in range(neighbours + 1)]
    together = choose(scores, [rule] * (neighbours + 1), generators)
    assert together[0] == choose(scores[:1], [rule], [generator(seed)])[0]


@pytest.mark.parametrize("options", [{"temperature": -1}, {"top_k": -1}, {"top_p": 0}, {"top_p": 1.1}])
def test_impossible_rules_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match="impossible sampling"):
        Sampling(**options)  # pyright: ignore[reportArgumentType]
