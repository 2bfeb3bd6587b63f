"""Sampling: the cuts are those of transformers, the draws follow the distribution, the seed decides."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from trajectune.engine.sampling import Sampling, draw, is_greedy, probabilities
from trajectune.errors import RecipeError

RULES = [
    Sampling(0.7),
    Sampling(1.5, top_k=5),
    Sampling(1.0, top_p=0.8),
    Sampling(0.9, top_k=20, top_p=0.6),
    Sampling(1.1, min_p=0.2),
    Sampling(0.8, repetition_penalty=1.7),
    Sampling(1.2, top_k=30, top_p=0.9, min_p=0.05, repetition_penalty=0.8),
]
PREFIX = [3, 7, 7, 11]


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def by_transformers(scores: torch.Tensor, rule: Sampling) -> torch.Tensor:
    steps = LogitsProcessorList([RepetitionPenaltyLogitsProcessor(rule.repetition_penalty)])
    steps.append(TemperatureLogitsWarper(rule.temperature))
    if rule.top_k:
        steps.append(TopKLogitsWarper(rule.top_k))
    if rule.top_p < 1:
        steps.append(TopPLogitsWarper(rule.top_p))
    if rule.min_p:
        steps.append(MinPLogitsWarper(rule.min_p))
    return steps(torch.tensor([PREFIX]), scores[None].clone()).softmax(-1)[0]  # pyright: ignore


@pytest.mark.parametrize("size", [50, 3000])
def test_the_law_is_that_of_transformers(size: int) -> None:
    """All rules in one batch: each row goes by its own."""
    scores = torch.randn(len(RULES), size, generator=generator(1)) * 2
    distribution = probabilities(scores, RULES, [PREFIX] * len(RULES))
    for row, rule in enumerate(RULES):
        torch.testing.assert_close(distribution[row], by_transformers(scores[row], rule))


def test_a_flat_law_needs_more_than_the_first_guess() -> None:
    distribution = probabilities(torch.zeros(1, 5000), [Sampling(1.0, top_p=0.9)])
    assert int((distribution > 0).sum()) == pytest.approx(4500, abs=2)


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_draws_follow_the_law(rule: Sampling) -> None:
    scores = torch.randn(12, generator=generator(2))
    distribution = probabilities(scores[None], [rule], [PREFIX])
    draws = 20_000
    drawn = draw(distribution.expand(draws, -1), torch.rand(draws, generator=generator(3)))
    share = torch.bincount(drawn, minlength=12) / draws
    # total variation of 20,000 draws over 12 tokens is about 0.01
    assert 0.5 * (share - by_transformers(scores, rule)).abs().sum() < 0.03


def test_temperature_zero_is_greedy_whatever_the_point() -> None:
    distribution = probabilities(torch.tensor([[0.0, 3.0, 1.0]] * 3), [Sampling()] * 3)
    assert draw(distribution, torch.tensor([0.0, 0.5, 0.9999])).tolist() == [1, 1, 1]
    assert is_greedy([Sampling()])
    assert not is_greedy([Sampling(), Sampling(0.1)])
    assert not is_greedy([Sampling(repetition_penalty=1.1)])


@given(
    st.lists(st.floats(0, 1, width=32), min_size=1, max_size=8), st.floats(0, 1, width=32, exclude_max=True)
)
def test_what_has_no_probability_is_never_drawn(distribution: list[float], point: float) -> None:
    if sum(distribution) == 0:
        distribution[0] = 1.0
    token = int(draw(torch.tensor([distribution]), torch.tensor([point]))[0])
    assert distribution[token] > 0


@given(seed=st.integers(0, 2**31), neighbours=st.integers(0, 4))
def test_a_row_does_not_look_at_its_neighbours(seed: int, neighbours: int) -> None:
    scores = torch.randn(neighbours + 1, 40, generator=generator(seed))
    rules = [Sampling(1.2, top_p=0.9), *[RULES[seed % len(RULES)]] * neighbours]
    together = probabilities(scores, rules, [PREFIX] * (neighbours + 1))
    torch.testing.assert_close(together[:1], probabilities(scores[:1], rules[:1]))


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": -1},
        {"top_k": -1},
        {"top_p": 0},
        {"top_p": 1.1},
        {"min_p": 2},
        {"repetition_penalty": 0},
    ],
)
def test_impossible_rules_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(RecipeError, match="impossible sampling"):
        Sampling(**options)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("size", [255, 256, 1_000, 49_152])
def test_a_large_vocabulary_is_searched_as_a_whole(size: int) -> None:
    distribution = torch.rand(64, size, generator=generator(1))
    distribution = (
        (distribution * (torch.rand(64, size, generator=generator(2)) < 0.05))
        .softmax(-1)
        .masked_fill(distribution < 0.9, 0)
    )
    points = torch.rand(64, generator=generator(4))
    drawn = draw(distribution, points)
    assert (distribution.gather(1, drawn[:, None]) > 0).all()
    sums = distribution.double().cumsum(-1)
    expected = torch.searchsorted(sums, points.double()[:, None] * sums[:, -1:], right=True)[:, 0]
    assert (drawn == expected).float().mean() > 0.98  # the others lie on an edge, where rounding decides


def test_the_ends_of_a_large_vocabulary_are_drawn_and_nothing_beyond() -> None:
    distribution = torch.zeros(1, 1_000)
    distribution[0, [0, 300, 700]] = torch.tensor([0.25, 0.5, 0.25])
    points = (0.0, 0.249, 0.251, 0.749, 0.751, 1 - 1e-7)
    assert [int(draw(distribution, torch.tensor([point]))[0]) for point in points] == [
        0,
        0,
        300,
        300,
        700,
        700,
    ]


def slowly(scores: list[float], rule: Sampling, prefix: list[int]) -> list[float]:
    """The rules as sentences, one token after another. Scores are far enough apart to leave no ties."""
    adjusted = list(scores)
    for token in set(prefix):
        penalty = rule.repetition_penalty
        adjusted[token] = adjusted[token] * penalty if adjusted[token] < 0 else adjusted[token] / penalty
    ranked = sorted(range(len(adjusted)), key=lambda token: -adjusted[token])
    if rule.temperature == 0:
        return [float(token == ranked[0]) for token in range(len(adjusted))]
    kept = ranked[: rule.top_k or None]
    weights = {
        token: math.exp((adjusted[token] - adjusted[ranked[0]]) / rule.temperature) for token in kept
    }
    total, before, nucleus = sum(weights.values()), 0.0, []
    for token in kept:
        if not nucleus or before < rule.top_p:
            nucleus.append(token)
        before += weights[token] / total
    likely = [token for token in nucleus if weights[token] >= rule.min_p * weights[kept[0]]]
    total = sum(weights[token] for token in likely)
    return [weights[token] / total if token in likely else 0.0 for token in range(len(adjusted))]


@given(
    order=st.permutations(range(8)),
    temperature=st.sampled_from([0.0, 0.5, 1.0, 3.0]),
    top_k=st.integers(0, 10),
    top_p=st.sampled_from([0.05, 0.33, 0.77, 0.99, 1.0]),
    min_p=st.sampled_from([0.0, 0.07, 0.41, 1.0]),
    penalty=st.sampled_from([1.0, 1.3, 0.7]),
    prefix=st.lists(st.integers(0, 7), max_size=4),
)
def test_any_rules_together_are_the_slow_ones(
    order: list[int],
    temperature: float,
    top_k: int,
    top_p: float,
    min_p: float,
    penalty: float,
    prefix: list[int],
) -> None:
    scores = [0.61 * place - 2.13 for place in order]
    rule = Sampling(temperature, top_k, top_p, min_p, penalty)
    found = probabilities(torch.tensor([scores]), [rule], [prefix])[0]
    assert found.tolist() == pytest.approx(slowly(scores, rule, prefix), abs=1e-5)


@given(
    weights=st.lists(st.integers(0, 9), min_size=1, max_size=600).filter(any),
    point=st.floats(0, 1, width=32, exclude_max=True),
)
def test_a_draw_is_the_place_where_the_sums_pass_the_point(weights: list[int], point: float) -> None:
    token = int(draw(torch.tensor([weights], dtype=torch.float32), torch.tensor([point]))[0])
    target = point * sum(weights)
    assert sum(weights[:token]) <= target + 1e-6 * sum(weights)
    assert target < sum(weights[: token + 1]) + 1e-6 * sum(weights)
    assert weights[token] > 0
