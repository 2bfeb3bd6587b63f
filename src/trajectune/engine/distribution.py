"""The one way from rows to distributions: streams → composed scores → sampling rules → probabilities.

Invariant: naive and speculative decoding both take their probabilities from `Distribution`, so they cannot
differ in what they sample from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

from trajectune.composition.composition import Composition
from trajectune.engine.row import Row
from trajectune.engine.sampling import probabilities
from trajectune.engine.stream import Stream


class Distribution:
    """A composition over running streams; `of_term` is each term's place among them.

    `drafter` is the place of a model of its own that drafts, if there is one.
    """

    def __init__(
        self,
        composition: Composition,
        streams: Sequence[Stream],
        of_term: Sequence[int],
        drafter: int | None = None,
    ) -> None:
        self.composition = composition
        self.streams = streams
        self._of_term = of_term
        self._drafter = drafter

    def scores(
        self, rows: Sequence[Row], count: int, known: Mapping[int, torch.Tensor] | None = None
    ) -> torch.Tensor:
        """Composed scores `[rows, count, vocabulary]` behind the last `count` tokens of every row.

        `known` holds logits of streams (by index) that need not be computed again. Streams whose weights
        are 0 in all rows are not run.
        """
        known = known or {}
        weights = torch.tensor([row.weights for row in rows], dtype=torch.float32)
        needed = self._needed(weights)
        logits = {
            i: known[i] if i in known else stream.scores(rows, count)
            for i, stream in enumerate(self.streams)
            if i in needed
        }
        device = next(iter(logits.values())).device
        flat = [logits[i].flatten(0, 1) if i in logits else None for i in self._of_term]
        each = weights.repeat_interleave(count, 0).to(device)
        return self.composition.combine(flat, each).view(len(rows), count, -1)

    def _needed(self, weights: torch.Tensor) -> set[int]:
        """Streams that have a say: weighty terms, and the filter's anchor. Never none at all."""
        found = {self._of_term[term] for term in weights.any(0).nonzero().flatten().tolist()}
        if self.composition.weight_filter is not None:
            found.add(self._of_term[self.composition.index(self.composition.weight_filter.anchor)])
        return found or {self._of_term[0]}

    def drafter(self) -> int | None:
        """The stream that drafts, if the composition names one: a model of its own, or else a term."""
        if self._drafter is not None:
            return self._drafter
        name = self.composition.draft
        return None if name is None else self._of_term[self.composition.index(name)]

    def is_term(self, stream: int) -> bool:
        """Whether the stream belongs to a term: one that only drafts has no say in the scores."""
        return stream in self._of_term


def probabilities_of(scores: torch.Tensor, rows: Sequence[Row], drafted: int = 0) -> torch.Tensor:
    """The distribution of each score under its row's sampling rules; both `[rows, count, vocabulary]`.

    `drafted` tokens of the draft precede the first position; each further position sees one more.
    """
    count = scores.shape[1]
    rules = [row.request.sampling for row in rows for _ in range(count)]
    prefixes: list[list[int]] = [
        row.prefix(drafted + place) if row.request.sampling.repetition_penalty != 1 else []
        for row in rows
        for place in range(count)
    ]
    return probabilities(scores.flatten(0, 1), rules, prefixes).view_as(scores)
