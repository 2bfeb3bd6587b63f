"""Speculative decoding has the distribution of plain decoding, and says so by counting."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch

from support.models import Tiny
from trajectune.composition.composition import Composition, Term
from trajectune.composition.drafting import Speculation
from trajectune.composition.presets import amplify, interpolate, upscale
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.engine.row import Row
from trajectune.engine.sampling import Sampling, probabilities
from trajectune.engine.speculation import speculation
from trajectune.engine.speculation.propose import Proposal
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel

VOCABULARY = 7
MakeModel = Callable[..., LoadedModel]
RULES = [
    Sampling(1.0),
    Sampling(0.7, top_k=4),
    Sampling(1.3, top_p=0.8),
    Sampling(1.0, repetition_penalty=1.6),
    Sampling(1.2, min_p=0.02, repetition_penalty=1.2),
]


@pytest.fixture(scope="session")
def small() -> Callable[[int, int], LoadedModel]:
    """`small(seed, layers)`: a model of seven tokens, so that distributions can be written down whole."""

    def make(seed: int, layers: int = 1) -> LoadedModel:
        tiny = Tiny(
            seed=seed, layers=layers, width=16, vocabulary=VOCABULARY, spread=0.25, tied=False, ends=False
        )
        return tiny.loaded(f"small-{seed}")

    return make


@pytest.fixture(scope="session")
def triple(small: Callable[..., LoadedModel]) -> tuple[LoadedModel, LoadedModel, LoadedModel]:
    return small(1, 2), small(2), small(3)


def enumerated(
    composition: Composition, prompt: list[int], rule: Sampling, length: int
) -> dict[tuple[int, ...], float]:
    """The probability of every reply of `length` tokens, from transformers' own forward passes."""
    distributions: dict[tuple[int, ...], torch.Tensor] = {}
    for reply in itertools.chain.from_iterable(
        itertools.product(range(VOCABULARY), repeat=size) for size in range(length)
    ):
        prefix = [*prompt, *reply]
        with torch.inference_mode():
            parts = [
                term.weight * term.model.model(torch.tensor([prefix])).logits[0, -1]
                for term in composition.terms
            ]
        distributions[reply] = probabilities(torch.stack(parts).sum(0)[None], [rule], [prefix])[0]
    return {
        reply: math.prod(float(distributions[reply[:place]][token]) for place, token in enumerate(reply))
        for reply in itertools.product(range(VOCABULARY), repeat=length)
    }


def sampled(
    composition: Composition,
    prompts: Sequence[list[int]],
    rule: Sampling,
    length: int,
    how: Speculation | None,
    draws: int = 3000,
) -> list[Counter[tuple[int, ...]]]:
    """Replies to each prompt, drawn in ragged batches with the others for neighbours."""
    engine = Engine(composition, max_batch=48, max_context=48, speculation=how)
    requests = [
        Request(prompts[i % len(prompts)], length, stop_tokens=(), sampling=rule, seed=i)
        for i in range(draws * len(prompts))
    ]
    replies = [tuple(reply.tokens) for reply in engine.generate(requests)]
    return [Counter(replies[first :: len(prompts)]) for first in range(len(prompts))]


def p_value(counts: Counter[tuple[int, ...]], distribution: dict[tuple[int, ...], float]) -> float:
    """Of a chi-square test; outcomes expected less than five times are put together."""
    draws = sum(counts.values())
    assert not {reply for reply in counts if distribution[reply] == 0}
    likely = [reply for reply, chance in distribution.items() if chance * draws >= 5]
    seen = [counts[reply] for reply in likely]
    expected = [distribution[reply] * draws for reply in likely]
    rest = draws - sum(expected)
    if rest > 5:
        seen.append(draws - sum(seen))
        expected.append(rest)
    scale = sum(seen) / sum(expected)
    statistic = sum((count - scale * e) ** 2 / (scale * e) for count, e in zip(seen, expected, strict=True))
    freedom = torch.tensor((len(seen) - 1) / 2, dtype=torch.float64)
    return float(torch.special.gammaincc(freedom, torch.tensor(statistic / 2, dtype=torch.float64)))


@pytest.mark.parametrize("rule", RULES, ids=str)
@pytest.mark.parametrize("how", [None, Speculation(block=3), Speculation("lookup", block=3)], ids=str)
def test_replies_follow_the_enumerated_law(
    triple: tuple[LoadedModel, LoadedModel, LoadedModel], rule: Sampling, how: Speculation | None
) -> None:
    composition = upscale(*triple, alpha=0.8)
    prompts = [[1, 2, 3], [5, 6, 5, 1, 2]]
    for prompt, counts in zip(prompts, sampled(composition, prompts, rule, 3, how), strict=True):
        assert p_value(counts, enumerated(composition, prompt, rule, 3)) > 1e-3


def generous(
    target: torch.Tensor, proposed: torch.Tensor, drafts: torch.Tensor, points: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """A wrong rule: drafts are kept a little too often."""
    return right(target, proposed, drafts, points * torch.tensor([1.0, 0.8, 1.0]))


right = speculation.accept


def test_the_test_finds_a_wrong_acceptance_rule(
    triple: tuple[LoadedModel, LoadedModel, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def from_target(*parts: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        kept, _ = right(*parts)
        target, _, drafts, points = parts
        rows, place = torch.arange(len(drafts)), kept.clamp(max=drafts.shape[1] - 1)
        return kept, speculation.draw(target[rows, place], points[rows, place, 2])

    composition = upscale(*triple, alpha=0.8)
    distribution = enumerated(composition, [1, 2, 3], RULES[0], 3)
    for wrong in (from_target, generous):
        monkeypatch.setattr(speculation, "accept", wrong)
        (counts,) = sampled(composition, [[1, 2, 3]], RULES[0], 3, Speculation(block=3))
        assert p_value(counts, distribution) < 1e-9


@pytest.mark.parametrize("rule", RULES[:2], ids=str)
def test_a_drafter_that_is_no_term_leaves_the_enumerated_law(
    triple: tuple[LoadedModel, LoadedModel, LoadedModel], small: Callable[..., LoadedModel], rule: Sampling
) -> None:
    composition = replace(upscale(*triple, alpha=0.8), drafter=small(9))
    (counts,) = sampled(composition, [[5, 6, 5, 1, 2]], rule, 3, Speculation(block=3))
    assert p_value(counts, enumerated(composition, [5, 6, 5, 1, 2], rule, 3)) > 1e-3


@pytest.mark.parametrize("rule", [Sampling(), *RULES], ids=str)
@pytest.mark.parametrize("who", ["drafter", "term in bf16", "lookup"])
def test_who_only_guesses_leaves_the_replies_of_plain_decoding(
    triple: tuple[LoadedModel, LoadedModel, LoadedModel], who: str, rule: Sampling
) -> None:
    """Not only the distribution: the same seed gives the same tokens, whatever is drafted, or if at all."""
    bf16 = Tiny(
        seed=2, layers=1, width=16, vocabulary=VOCABULARY, spread=0.25, tied=False, dtype=torch.bfloat16
    )
    drafter = {"term in bf16": bf16.loaded("bf16"), "drafter": triple[2]}.get(who)
    composition = replace(upscale(triple[0], triple[1], triple[1]), drafter=drafter)
    requests = [Request([1 + i % 5] * (1 + i), 17, stop_tokens=(), sampling=rule, seed=i) for i in range(6)]
    plain = Engine(composition, max_batch=4, max_context=48)
    expected = [reply.tokens for reply in plain.generate(requests)]
    for block in (1, 2, 5, None):
        how = Speculation("lookup" if who == "lookup" else "model", block)
        engine = Engine(composition, max_batch=4, max_context=48, speculation=how, prefill_tokens=5)
        assert [reply.tokens for reply in engine.generate(requests)] == expected
        kept = engine.speculator.lengths.accepted
        assert kept > 0 if block in (2, 5) else kept == 0 or block is None


def test_a_guess_kept_though_wrong_is_found(
    triple: tuple[LoadedModel, LoadedModel, LoadedModel], monkeypatch: pytest.MonkeyPatch
) -> None:
    def trusting(
        rows: Sequence[Row], scores: torch.Tensor, proposal: Proposal
    ) -> tuple[list[int], list[list[int]]]:
        kept, tokens = guessed(rows, scores, proposal)
        return kept, [
            [guess[0], *rest[1:]] for guess, rest in zip(proposal.tokens.tolist(), tokens, strict=True)
        ]

    guessed, composition = speculation._guessed, upscale(*triple, alpha=0.8)
    monkeypatch.setattr(speculation, "_guessed", trusting)
    (counts,) = sampled(composition, [[1, 2, 3]], RULES[0], 3, Speculation("lookup", block=3))
    assert p_value(counts, enumerated(composition, [1, 2, 3], RULES[0], 3)) < 1e-9


@pytest.mark.parametrize("rule", [Sampling(), Sampling(1.0)], ids=["greedy", "sampled"])
def test_a_drafter_is_not_run_while_off_and_catches_up(make_model: MakeModel, rule: Sampling) -> None:
    large, tuned, base = (make_model("llama", seed) for seed in range(3))
    composition = replace(upscale(large, tuned, base), drafter=make_model("qwen2"))
    requests = [Request([5 + i] * (3 + i), 40, stop_tokens=(), sampling=rule, seed=i) for i in range(3)]
    plain = Engine(composition, max_batch=3, max_context=64)
    expected = [reply.tokens for reply in plain.generate(requests)]
    engine = Engine(composition, max_batch=3, max_context=64, speculation=Speculation(), prefill_tokens=7)
    lengths, drafter, asked = engine.speculator.lengths, engine._streams[-1], []

    def choose(rows: int = 1, unread: int = 0) -> int:
        del rows
        asked.append(unread)
        if len(asked) <= 12:
            assert not any(drafter.cache.held), "nobody has asked it yet"
        return 1 if len(asked) <= 12 or 15 < len(asked) <= 25 else 4

    lengths.choose = choose
    assert [reply.tokens for reply in engine.generate(requests)] == expected
    assert asked[12] == sum(3 + i + 13 for i in range(3))  # prompts, the first step and twelve more
    assert asked[13:15] == [0, 0]
    assert asked[25] >= 3 * 10


@pytest.mark.parametrize("rule", RULES, ids=str)
def test_the_same_seed_gives_the_same_text_whatever_the_block(
    triple: tuple[LoadedModel, LoadedModel, LoadedModel], rule: Sampling
) -> None:
    """Each position's random numbers are its own, so blocks only change the cost."""
    composition = amplify(*triple, beta=1.4)
    requests = [Request([1 + i % 5] * (1 + i), 17, stop_tokens=(), sampling=rule, seed=i) for i in range(6)]
    replies = [
        [
            r.tokens
            for r in Engine(
                composition, max_batch=4, max_context=48, speculation=Speculation(block=b)
            ).generate(requests)
        ]
        for b in (1, 2, 5, None)
    ]
    assert all(reply == replies[0] for reply in replies)


@pytest.mark.parametrize(
    "how", [Speculation(block=1), Speculation(block=4), Speculation(), Speculation("lookup")], ids=str
)
@pytest.mark.parametrize("family", ["llama", "gpt2"])
@pytest.mark.parametrize("own", [False, True], ids=["term", "drafter"])
def test_greedy_is_plain_greedy(make_model: MakeModel, family: str, how: Speculation, own: bool) -> None:
    large, tuned, base = make_model(family), make_model("qwen2", 1), make_model("qwen2", 2)
    composition = replace(upscale(large, tuned, base), drafter=make_model("gpt2", 3) if own else None)
    requests = [Request([5 + i, 9, 30 + i] * (i + 1), 5 + 4 * i, stop_tokens=()) for i in range(6)]
    plain = [r.tokens for r in Engine(composition, max_batch=4, max_context=64).generate(requests)]
    fast = Engine(composition, max_batch=4, max_context=64, speculation=how, prefill_tokens=5).generate(
        requests
    )
    assert [r.tokens for r in fast] == plain


def test_a_large_model_equal_to_the_small_base_leaves_the_tuned_model(
    triple: tuple[LoadedModel, LoadedModel, LoadedModel], small: Callable[..., LoadedModel]
) -> None:
    _, tuned, base = triple
    composition = upscale(small(3), tuned, base)
    requests = [Request([1, 2], 20, stop_tokens=(), sampling=Sampling(1.0), seed=i) for i in range(16)]
    engine = Engine(composition, max_batch=16, max_context=48, speculation=Speculation(block=5))
    alone = Engine(Composition((Term(tuned),), draft=tuned.name), max_batch=16, max_context=48)
    assert [r.tokens for r in engine.generate(requests)] == [r.tokens for r in alone.generate(requests)]
    assert engine.speculator.lengths.accepted == engine.speculator.lengths.drafted


def test_two_equal_small_models_leave_the_large_one(
    triple: tuple[LoadedModel, LoadedModel, LoadedModel], small: Callable[..., LoadedModel]
) -> None:
    large, tuned, _ = triple
    distribution = enumerated(Composition.single(large), [2], Sampling(1.0), 3)
    (counts,) = sampled(upscale(large, tuned, small(2)), [[2]], Sampling(1.0), 3, Speculation(block=2))
    assert p_value(counts, distribution) > 1e-3


def test_stops_inside_a_block_and_full_contexts(make_model: MakeModel) -> None:
    composition = upscale(make_model("llama"), make_model("llama", 1), make_model("llama", 2))
    plain, fast = (
        Engine(composition, max_batch=4, max_context=32, speculation=s)
        for s in (None, Speculation(block=7))
    )
    (full,) = plain.generate([Request([5, 6, 7], 20, stop_tokens=())])
    requests = [
        Request([5, 6, 7], 20, stop_tokens=(full.tokens[4],), session="a"),
        Request([5, 6, 7], 20, stop_tokens=(), stop_strings=(full.text[3:5],)),
        Request([9] * 30, 20, stop_tokens=()),
        Request([9] * 40, 20, stop_tokens=()),
    ]
    tokens = [(reply.tokens, reply.text, reply.finish) for reply in plain.generate(requests)]
    assert [(reply.tokens, reply.text, reply.finish) for reply in fast.generate(requests)] == tokens
    again = Request([5, 6, 7, *full.tokens[:5], 8, 9], 6, stop_tokens=(), session="a")
    (got,), (expected,) = fast.generate([again]), plain.generate([again])
    assert got.tokens == expected.tokens
    assert got.cached_tokens == expected.cached_tokens == 7  # the stop token was never read


def test_after_a_rollback_the_cache_is_as_if_freshly_read(make_model: MakeModel) -> None:
    composition = upscale(make_model("llama"), make_model("qwen2", 1), make_model("qwen2", 2))
    engine = Engine(composition, max_batch=1, max_context=64, speculation=Speculation(block=6))
    (reply,) = engine.generate([Request([5, 6, 7], 23, stop_tokens=(), session="a")])
    fresh = Engine(composition, max_batch=1, max_context=64)
    fresh.generate([Request([5, 6, 7, *reply.tokens], 1, stop_tokens=(), session="a")])
    for stream, other in zip(engine._streams, fresh._streams, strict=True):
        slot, at = next((i, held) for i, held in enumerate(stream.cache.held) if held)
        assert at == [5, 6, 7, *reply.tokens[:-1]]
        for kept, read in zip(stream.cache.keys, other.cache.keys, strict=True):
            torch.testing.assert_close(
                kept[slot, :, : len(at)], read[slot, :, : len(at)], rtol=1e-4, atol=1e-4
            )


def test_without_a_draft_term_models_cannot_draft(make_model: MakeModel) -> None:
    with pytest.raises(ModelError, match="names no term that drafts"):
        Engine(Composition.single(make_model("llama")), speculation=Speculation())
    Engine(
        interpolate(make_model("llama"), make_model("qwen2"), {"x": (make_model("gpt2"), 1.0)}),
        speculation=Speculation(),
    )
