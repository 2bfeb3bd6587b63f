"""Where a batch of texts repeats evaluation samples: all spans, found without a loop over tokens.

The idea: the samples are few and the training texts many, so the samples are indexed and the texts
streamed. Of each text all n-grams are numbered at once; a bit table throws out nearly all of them, a
binary search the rest. A pair of equal n-grams is followed only where the token before it differs:
otherwise the span that begins one token earlier holds it.

Invariant: the tokens in the spans found are exactly those in any span that the definition (`extend`)
allows, as the slow reference in the tests finds them. Memory grows with the samples, not with the texts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from trajectune.curate.contamination.extend import extended
from trajectune.curate.contamination.hashing import Numbers, Places, stretch_numbers
from trajectune.curate.contamination.tokens import Tokenizer, Tokens

LENGTH, SKIPS = 10, 4
"""A span has more tokens than the first; the second of them may differ (Llama 2, AgentTuning)."""
PAIRS = 1 << 15
"""Pairs of places that are followed at once."""
_RANKS = np.int64(1 << 32)
"""More than there are tokens in the samples."""


@dataclass(frozen=True, slots=True)
class Spans:
    """Stretches of samples that texts repeat, one for each entry of the arrays."""

    at: Places
    """The first token, counted through all samples."""
    size: Places
    """Tokens."""
    text: Places
    """The text, by its number in the batch."""
    start: Places
    """The first token in the text."""


class Index:
    """The n-grams of samples, each sample one or more parts that spans do not cross."""

    def __init__(
        self, samples: Sequence[Sequence[str]], tokenizer: Tokenizer, length: int, skips: int
    ) -> None:
        self.tokenizer, self.length, self.skips = tokenizer, length, skips
        self.parts = [part for parts in samples for part in parts]
        self.tokens = tokenizer.encode(self.parts)
        bounds = np.cumsum([0, *map(len, samples)], dtype=np.int64)
        self.offsets: Places = self.tokens.offsets[bounds]
        """Where each sample begins among the tokens, and where the last one ends."""
        sizes = np.diff(self.tokens.offsets).tolist()
        self.longest = [max(sizes[start:end], default=0) for start, end in pairwise(bounds.tolist())]
        """Tokens of the longest part of each sample."""
        places, numbers = _ngrams(self.tokens, length)
        self._ends = self.tokens.ends
        self._numbers, group = np.unique(numbers, return_inverse=True)
        self._before, rank = np.unique(_before(self.tokens, places, start=0), return_inverse=True)
        keys = group * _RANKS + rank
        order = np.argsort(keys, kind="stable")
        self._places, self._keys = places[order], keys[order]
        self._shift = np.uint64(64 - max(16, (32 * len(places)).bit_length()))
        self._bits = np.zeros(1 << (64 - int(self._shift)), np.bool_)
        self._bits[numbers >> self._shift] = True

    def spans(self, texts: Sequence[str]) -> tuple[Spans, Tokens]:
        """The spans that the texts share with the samples, and the tokens of the texts."""
        tokens = self.tokenizer.encode(texts)
        found = [np.zeros((4, 0), np.int64)]
        ends = tokens.ends
        for at, against in self._pairs(tokens):
            ours = self.tokens.ids, at, self._ends[at]
            size = extended(ours, (tokens.ids, against, ends[against]), self.length, self.skips)
            good = size > 0
            text = np.searchsorted(tokens.offsets, against[good], side="right") - 1
            start = against[good] - tokens.offsets[text]
            found.append(np.stack([at[good], size[good], text, start]))
        return Spans(*np.concatenate(found, axis=1)), tokens

    def _pairs(self, tokens: Tokens) -> Iterator[tuple[Places, Places]]:
        """Places in samples and texts with equal n-grams and different tokens before them."""
        places, numbers = _ngrams(tokens, self.length)
        maybe = np.flatnonzero(self._bits[numbers >> self._shift])
        places, numbers = places[maybe], numbers[maybe]
        group = np.searchsorted(self._numbers, numbers)
        hit = _found(self._numbers, group, numbers)
        places, group = places[hit], group[hit]
        low, high = (np.searchsorted(self._keys, each * _RANKS) for each in (group, group + 1))
        before = _before(tokens, places, start=1)
        rank = np.searchsorted(self._before, before)
        key = group * _RANKS + rank
        same_low, same_high = np.searchsorted(self._keys, key), np.searchsorted(self._keys, key + 1)
        other = ~_found(self._before, rank, before)
        same_low[other] = same_high[other] = high[other]
        firsts = np.stack([low, same_high], axis=1).ravel()
        counts = np.stack([same_low - low, high - same_high], axis=1).ravel()
        yield from self._spread(np.repeat(places, 2), firsts, counts)

    def _spread(self, places: Places, firsts: Places, counts: Places) -> Iterator[tuple[Places, Places]]:
        """Each place of a text with each of its run of indexed places, some `PAIRS` at a time."""
        total = np.cumsum(counts)
        for begin in range(0, int(total[-1]) if len(total) else 0, PAIRS):
            numbers = np.arange(begin, min(begin + PAIRS, total[-1]))
            run = np.searchsorted(total, numbers, side="right")
            nth = firsts[run] + numbers - (total[run] - counts[run])
            yield self._places[nth], places[run]


def _ngrams(tokens: Tokens, length: int) -> tuple[Places, Numbers]:
    """The places from which a text has `length` tokens, and the number of those at each."""
    here = np.arange(len(tokens.ids))
    places = np.flatnonzero(here + length <= tokens.ends)
    return places, stretch_numbers(tokens.ids, places, places + length)


def _before(tokens: Tokens, places: Places, start: int) -> Numbers:
    """The token before each place; `start` at the beginning of a text, which differs from every token."""
    before = np.empty(len(tokens.ids) + 1, np.uint64)
    before[1:] = tokens.ids
    before[tokens.offsets] = start
    return before[places]


def _found(known: Numbers, places: Places, wanted: Numbers) -> npt.NDArray[np.bool_]:
    """Whether each wanted number is known, given where it would stand among the sorted ones."""
    if not len(known):
        return np.zeros(len(wanted), np.bool_)
    return known[np.minimum(places, len(known) - 1)] == wanted
