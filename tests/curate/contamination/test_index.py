"""The fast search finds exactly the tokens that the definition calls dirty."""

from __future__ import annotations

import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.contamination.reference import dirty_tokens, is_span
from trajectune.curate.contamination.index import PAIRS, Index
from trajectune.curate.contamination.kept import Kept
from trajectune.curate.contamination.texts import TextRow
from trajectune.curate.contamination.tokens import Words

Case = tuple[list[list[str]], list[list[str]], int, int]
"""Samples and training texts as words, the length and the skips."""


def dirty(samples: list[list[str]], training: list[list[str]], length: int, skips: int) -> list[set[int]]:
    """For each sample of words the places that the fast search calls dirty."""
    kept = Kept(Index([[" ".join(words)] for words in samples], Words(), length, skips))
    kept.read("training", [TextRow(str(n), (" ".join(words),)) for n, words in enumerate(training)])
    places = np.flatnonzero(kept.dirty())
    bounds = list(zip(kept.index.offsets, kept.index.offsets[1:], strict=False))
    return [{int(p - start) for p in places if start <= p < end} for start, end in bounds]


def edited(words: list[str], places: list[int]) -> list[str]:
    return ["other" if n in places else word for n, word in enumerate(words)]


@st.composite
def planted(draw: st.DrawFn) -> Case:
    """Samples, and texts that hold copies of their stretches with words exchanged here and there."""
    rng = random.Random(draw(st.integers(0, 1 << 30)))
    vocabulary = [f"w{n}" for n in range(draw(st.sampled_from([2, 4, 30])))]
    length, skips = draw(st.sampled_from([(10, 4), (10, 0), (3, 2), (2, 5), (1, 1)]))
    samples = [rng.choices(vocabulary, k=rng.randint(0, 40)) for _ in range(draw(st.integers(1, 3)))]
    training = list[list[str]]()
    for _ in range(draw(st.integers(0, 4))):
        text = rng.choices(vocabulary, k=rng.randint(0, 12))
        for _ in range(rng.randint(0, 2)):
            sample = rng.choice(samples)
            start, size = rng.randint(0, len(sample)), rng.randint(8, 30)
            copy = sample[start : start + size]
            changed = rng.sample(range(len(copy)), min(len(copy), rng.randint(0, 5)))
            text += edited(copy, changed) + rng.choices(vocabulary, k=rng.randint(0, 3))
        training.append(text)
    return samples, training, length, skips


@given(planted())
def test_the_fast_search_equals_the_definition(
    case: tuple[list[list[str]], list[list[str]], int, int],
) -> None:
    samples, training, length, skips = case
    expected = [dirty_tokens(sample, training, length, skips) for sample in samples]
    assert dirty(samples, training, length, skips) == expected


@given(planted())
def test_the_spans_are_spans_and_hold_every_dirty_token(case: Case) -> None:
    samples, training, length, skips = case
    kept = Kept(Index([[" ".join(words)] for words in samples], Words(), length, skips))
    for number, words in enumerate(training):
        kept.read("training", [TextRow(str(number), (" ".join(words),))])
    for number, sample in enumerate(samples):
        matches = kept.matches(number)
        for match in matches:
            ours, theirs = match.text.split(), match.training.split()
            assert is_span(ours, theirs, length, skips)
            assert match.training in " ".join(training[int(match.row)])
            assert match.text in " ".join(sample)
            assert (match.tokens, match.differing) == (
                len(ours),
                sum(a != b for a, b in zip(ours, theirs, strict=True)),
            )
        bounds = kept.index.offsets[number : number + 2]
        covered = int(kept.dirty()[bounds[0] : bounds[1]].sum())
        assert sum(match.tokens for match in matches) >= covered
        assert bool(matches) == bool(covered)


SAMPLE = [f"s{n}" for n in range(40)]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ([], set(range(40))),
        ([12, 20, 30, 35], set(range(40))),
        ([9], set(range(10, 40))),  # ten equal words are needed before the first that differs
        ([12, 14, 16, 18, 20], set(range(40)) - {20}),  # behind the fifth a span may begin anew
        ([12, 14, 16, 18, 20, 30], set(range(20))),  # but not with fewer than eleven words
        ([39], set(range(39))),
    ],
)
def test_what_an_exchanged_word_costs(changed: list[int], expected: set[int]) -> None:
    assert dirty([SAMPLE], [edited(SAMPLE, changed)], 10, 4) == [expected]
    assert dirty_tokens(SAMPLE, [edited(SAMPLE, changed)], 10, 4) == expected


def test_ten_words_are_no_span_and_eleven_are() -> None:
    assert dirty([SAMPLE], [SAMPLE[:10]], 10, 4) == [set()]
    assert dirty([SAMPLE], [SAMPLE[:11]], 10, 4) == [set(range(11))]


def test_spans_do_not_cross_from_one_text_to_the_next() -> None:
    kept = Kept(Index([[" ".join(SAMPLE)]], Words(), 10, 4))
    kept.read("training", [TextRow("1", (" ".join(SAMPLE[:6]), " ".join(SAMPLE[6:16])))])
    assert not kept.dirty().any()


def test_many_pairs_are_followed_in_portions() -> None:
    words = [f"x{n}" for n in range(12)]
    samples = [[*words, f"a{n}"] for n in range(200)]
    training = [[f"b{n}", *words] for n in range(200)]
    assert len(samples) * len(training) > PAIRS
    assert dirty(samples, training, 10, 4) == [set(range(12))] * 200


def test_a_text_of_one_word_again_and_again_takes_no_time() -> None:
    assert dirty([["no"] * 3_000], [["no"] * 3_000, ["no"] * 2_999], 10, 4) == [set(range(3_000))]


def test_nothing_to_search_and_nothing_to_search_in() -> None:
    assert dirty([], [SAMPLE], 10, 4) == []
    assert dirty([[]], [SAMPLE], 10, 4) == [set()]
    assert dirty([SAMPLE], [], 10, 4) == [set()]
    assert dirty([SAMPLE], [[]], 10, 4) == [set()]
