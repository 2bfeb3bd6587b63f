"""Speculative decoding of a composition, exact: draft a block, score it at once, keep what may stay.

The idea (Leviathan et al. 2023, arXiv 2211.17192; Mitchell et al. 2023, section 4.4): a cheap proposer
draws x from a distribution q it knows; the composed distribution p of all drafted positions is computed in
one pass; x stays with probability min(1, p(x)/q(x)), else a token of norm(max(p − q, 0)) replaces it and
the block ends. The outcome follows p for every q. Where the composition's small tuned model drafts, its
logits are part of p as well and are not computed again.

There is no bonus token: g drafts are judged at g positions, which costs and gives the same as g − 1 drafts
and a bonus. Then every cache holds all but the newest token after each round, as in plain decoding, a plain
step is a round with g = 1, and, as each position's random numbers are its own, the same seed gives the same
text whatever the block length.

Invariants: the reply's distribution is that of the composition under the row's sampling rules; greedy
replies are those of plain decoding.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import torch

from trajectune.composition.drafting import Speculation
from trajectune.engine.distribution import Distribution, probabilities_of
from trajectune.engine.row import Row
from trajectune.engine.sampling import draw, is_greedy
from trajectune.engine.speculation.length import BlockLength
from trajectune.engine.speculation.propose import ModelProposer, Proposal, lookup
from trajectune.errors import ModelError


class Speculator:
    """Advances rows by one token (`how` is None) or by one drafted block."""

    def __init__(self, distribution: Distribution, how: Speculation | None) -> None:
        self._distribution = distribution
        self._how = how
        self._proposer: ModelProposer | None = None
        if how is not None and how.proposer == "model":
            drafter = distribution.drafter()
            if drafter is None:
                raise ModelError(
                    "the composition names no term that drafts", remedy="set its `draft`, or use `lookup`"
                )
            self._proposer = ModelProposer(distribution, drafter)
        self.lengths = BlockLength(how.block, how.max_block) if how is not None else BlockLength(1, 1)

    def advance(self, rows: Sequence[Row], block: int | None = None) -> list[list[int]]:
        """New tokens of each row, at least one. `block` overrides the length.

        Such a round reads prompts too, and says nothing about what others cost.
        """
        if self._how is None:
            return [[token] for token in self._step(rows)]
        room = min(self._room(row) for row in rows)
        length = max(min(block or self.lengths.choose(), room), 1)
        started = time.perf_counter()
        proposal = self._propose(rows, length)
        drafted = time.perf_counter()
        kept, tokens = self._judge(rows, proposal)
        if block is None:
            self.lengths.observe(length, drafted - started, time.perf_counter() - drafted, kept)
        return tokens

    def _room(self, row: Row) -> int:
        """Drafted tokens that still fit: into the cache, into the reply, and before frequencies change."""
        unchanged = min(stream.room(row) for stream in self._distribution.streams)
        return min(row.capacity - row.length + 1, row.request.max_new_tokens - len(row.tokens), unchanged)

    def _step(self, rows: Sequence[Row]) -> list[int]:
        scores = self._distribution.scores(rows, 1)
        rules = [row.request.sampling for row in rows]
        if is_greedy(rules):
            return scores[:, 0].argmax(-1).tolist()
        points = torch.stack([row.points(1)[0, 0] for row in rows])
        return draw(probabilities_of(scores, rows)[:, 0], points).tolist()

    def _propose(self, rows: Sequence[Row], length: int) -> Proposal:
        if self._proposer is not None:
            return self._proposer.propose(rows, length)
        tokens = [lookup(row.prefix(), length) for row in rows]
        return Proposal(torch.tensor(tokens), None, {})

    def _judge(self, rows: Sequence[Row], proposal: Proposal) -> tuple[list[int], list[list[int]]]:
        """How many drafted tokens each row keeps, and its new tokens."""
        drafts = proposal.tokens
        length = drafts.shape[1]
        for row, tokens in zip(rows, drafts.tolist(), strict=True):
            row.draft = tokens[:-1]  # the last one is judged, but nothing behind it
        scores = self._distribution.scores(rows, length, proposal.logits)
        drafts = drafts.to(scores.device)
        if is_greedy([row.request.sampling for row in rows]):
            best = scores.argmax(-1)
            kept = (best == drafts).long().cumprod(1).sum(1)
            replaced = best.gather(1, kept.clamp(max=length - 1)[:, None])[:, 0]
        else:
            points = torch.stack([row.points(length) for row in rows]).to(scores.device)
            kept, replaced = accept(probabilities_of(scores, rows), proposal.distributions, drafts, points)
        for row in rows:
            row.draft = []
        found = zip(kept.tolist(), drafts.tolist(), replaced.tolist(), strict=True)
        tokens = [draft if count == length else [*draft[:count], other] for count, draft, other in found]
        return kept.tolist(), tokens


def accept(
    target: torch.Tensor, proposed: torch.Tensor | None, drafts: torch.Tensor, points: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """How many drafts each row keeps `[rows]`, and the token that replaces the first one not kept `[rows]`.

    `target` and `proposed` are the distributions p and q `[rows, count, vocabulary]` (q None: the drafts
    were certain), `drafts` `[rows, count]`, `points` `[rows, count, POINTS]`. Where all are kept, the
    replacement is without meaning.
    """
    of_target = target.gather(2, drafts[..., None])[..., 0]
    of_draft = 1.0 if proposed is None else proposed.gather(2, drafts[..., None])[..., 0]
    kept = (points[..., 1] * of_draft < of_target).long().cumprod(1).sum(1)
    rows = torch.arange(len(drafts), device=drafts.device)
    place = kept.clamp(max=drafts.shape[1] - 1)
    distribution = target[rows, place]
    if proposed is None:
        rest = distribution.scatter(1, drafts[rows, place][:, None], 0.0)
    else:
        rest = (distribution - proposed[rows, place]).clamp(min=0)
    # Where rounding leaves nothing (p and q equal but for their last digits), p itself is the distribution.
    rest = torch.where(rest.sum(-1, keepdim=True) > 0, rest, distribution)
    return kept, draw(rest, points[rows, place, 2])
