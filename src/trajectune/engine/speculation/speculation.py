"""Speculative decoding of a composition, exact: draft a block, score it at once, keep what may stay.

The idea (Leviathan et al. 2023, arXiv 2211.17192; Mitchell et al. 2023, section 4.4): somebody cheap
drafts a block, and the composed distribution p of all its places is computed in one pass. Two rules say
what stays:

- Where the composition's small tuned model drafts, its logits are part of p and are not computed again. A
  token x drawn from its distribution q stays with probability min(1, p(x)/q(x)), else a token of
  norm(max(p − q, 0)) replaces it and the block ends. The outcome follows p for every q.
- Whoever else drafts (a model that is no term, the text itself) only guesses: at every place the token is
  drawn from p as plain decoding draws it, with the same random number, and the guesses stay as long as
  they are those tokens. The reply is that of plain decoding, token for token. So are greedy ones.

`length` positions are judged in a round. A term drafts as many; there is no bonus token, which would cost
a further step of the drafting model for its part of p. The others draft one less: the last place needs no
guess. Then every cache of a term holds all but the newest token after each round, as in plain decoding, and
a round of length 1 is a plain step, in which nobody drafts, or in which the drafting term is computed as it
is anyway. As each position's random numbers are its own, the same seed gives the same text whatever the
lengths.

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
        self._term_drafts = self._proposer is not None and self._proposer.is_term
        self.lengths = BlockLength(how.block, how.max_block) if how is not None else BlockLength(1, 1)

    def advance(self, rows: Sequence[Row], block: int | None = None) -> list[list[int]]:
        """New tokens of each row, at least one. `block` overrides the length.

        Such a round reads prompts too, and says nothing about what others cost.
        """
        if self._how is None:
            return self._step(rows)
        unread = self._proposer.unread(rows) if self._proposer and block is None else 0
        chosen = block or self.lengths.choose(len(rows), unread)
        length = min(chosen, self._room(rows))
        if unread and length > 1:
            self._read(rows, unread)
        started = time.perf_counter()
        drafts, kept, tokens = self._round(rows, length)
        if block is None:
            seconds = time.perf_counter() - started if length == chosen else None
            self.lengths.observe(length, seconds, drafts, kept)
        return tokens

    def _room(self, rows: Sequence[Row]) -> int:
        """Tokens that fit: into every cache before frequencies change, and into the longest of the replies.

        What a shorter reply gets beyond its end is dropped.
        """
        streams = self._distribution.streams
        fits = min(min(row.capacity - row.length + 1, *(s.room(row) for s in streams)) for row in rows)
        wanted = max(row.request.max_new_tokens - len(row.tokens) for row in rows)
        return max(min(fits, wanted), 1)

    def _read(self, rows: Sequence[Row], unread: int) -> None:
        assert self._proposer is not None
        started = time.perf_counter()
        self._proposer.read(rows)
        self.lengths.read(unread, time.perf_counter() - started)

    def _round(self, rows: Sequence[Row], length: int) -> tuple[int, list[int], list[list[int]]]:
        """Drafts per row, how many of them each row keeps, and its new tokens."""
        greedy = is_greedy([row.request.sampling for row in rows])
        drawn = self._term_drafts and not greedy
        if length == 1 and not drawn:
            return 0, [0] * len(rows), self._step(rows)
        proposal = self._propose(rows, length if self._term_drafts else length - 1)
        for row, guesses in zip(rows, proposal.tokens.tolist(), strict=True):
            row.draft = guesses[: length - 1]  # behind the last place nothing is judged
        scores = self._distribution.scores(rows, length, proposal.logits)
        kept, tokens = _judged(rows, scores, proposal) if drawn else _guessed(rows, scores, proposal)
        for row in rows:
            row.draft = []
        return proposal.tokens.shape[1], kept, tokens

    def _step(self, rows: Sequence[Row]) -> list[list[int]]:
        return _plain(rows, self._distribution.scores(rows, 1)).tolist()

    def _propose(self, rows: Sequence[Row], count: int) -> Proposal:
        if self._proposer is not None:
            return self._proposer.propose(rows, count)
        return Proposal(torch.tensor([lookup(row.prefix(), count) for row in rows]), None, {})


def _plain(rows: Sequence[Row], scores: torch.Tensor) -> torch.Tensor:
    """The token that plain decoding says at each place `[rows, count]`, given those drafted before it."""
    if is_greedy([row.request.sampling for row in rows]):
        return scores.argmax(-1)
    points = torch.cat([row.points(scores.shape[1])[:, 0] for row in rows])
    return draw(probabilities_of(scores, rows).flatten(0, 1), points).view(scores.shape[:2])


def _guessed(
    rows: Sequence[Row], scores: torch.Tensor, proposal: Proposal
) -> tuple[list[int], list[list[int]]]:
    """Guesses kept by each row, and its new tokens: those of plain decoding up to the first wrong guess."""
    said = _plain(rows, scores)
    guesses = proposal.tokens.to(said.device)
    kept = (said[:, : guesses.shape[1]] == guesses).long().cumprod(1).sum(1).tolist()
    return kept, [tokens[: count + 1] for tokens, count in zip(said.tolist(), kept, strict=True)]


def _judged(
    rows: Sequence[Row], scores: torch.Tensor, proposal: Proposal
) -> tuple[list[int], list[list[int]]]:
    """Drafts kept by each row, and its new tokens: these, and what replaces the first that is not kept."""
    assert proposal.distributions is not None
    length = scores.shape[1]
    points = torch.stack([row.points(length) for row in rows]).to(scores.device)
    drafts = proposal.tokens.to(scores.device)
    kept, replaced = accept(probabilities_of(scores, rows), proposal.distributions, drafts, points)
    found = zip(kept.tolist(), drafts.tolist(), replaced.tolist(), strict=True)
    tokens = [draft if count == length else [*draft[:count], other] for count, draft, other in found]
    return kept.tolist(), tokens


def accept(
    target: torch.Tensor, proposed: torch.Tensor, drafts: torch.Tensor, points: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """How many drafts each row keeps `[rows]`, and the token that replaces the first one not kept `[rows]`.

    `target` and `proposed` are the distributions p and q `[rows, count, vocabulary]`, `drafts`
    `[rows, count]`, `points` `[rows, count, POINTS]`. Where all are kept, the replacement means nothing.
    """
    of_target = target.gather(2, drafts[..., None])[..., 0]
    of_draft = proposed.gather(2, drafts[..., None])[..., 0]
    kept = (points[..., 1] * of_draft < of_target).long().cumprod(1).sum(1)
    rows = torch.arange(len(drafts), device=drafts.device)
    place = kept.clamp(max=drafts.shape[1] - 1)
    distribution = target[rows, place]
    rest = (distribution - proposed[rows, place]).clamp(min=0)
    # Where rounding leaves nothing (p and q equal but for their last digits), p itself is the distribution.
    rest = torch.where(rest.sum(-1, keepdim=True) > 0, rest, distribution)
    return kept, draw(rest, points[rows, place, 2])
