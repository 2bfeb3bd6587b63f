"""Who drafts: a term of the composition, a model of its own, or the text itself.

A term's logits are part of what its drafts are judged by: they are computed once, and cost nothing more. A
model of its own is an extra cost, which it must bring in by being small, or in a shorter number format.

Invariant: a proposal says exactly what its tokens were drawn from, where that matters. Only a term's does:
drafts of the others are kept where they are what plain decoding says.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import torch

from trajectune.engine.distribution import Distribution, probabilities_of
from trajectune.engine.row import Row
from trajectune.engine.sampling import draw, is_greedy

_AT_ONCE = 4
"""Tokens of a row that the drafter reads as it drafts; what is more is read beforehand."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """A drafted block."""

    tokens: torch.Tensor
    """`[rows, count]`."""
    distributions: torch.Tensor | None
    """What each token was drawn from, `[rows, count, vocabulary]`; None where that does not matter."""
    logits: dict[int, torch.Tensor]
    """Logits `[rows, count, vocabulary]` of streams, by index, that drafting has computed anyway."""


class ModelProposer:
    """Drafts with one stream, token by token."""

    def __init__(self, distribution: Distribution, stream: int) -> None:
        self._composition = distribution.composition
        self._stream = distribution.streams[stream]
        self.is_term = distribution.is_term(stream)

    def unread(self, rows: Sequence[Row]) -> int:
        """Tokens that must be read before drafting, but for the few that are read with it."""
        behind = (len(self._stream.missing(row)) for row in rows)
        return 0 if self.is_term else sum(count for count in behind if count > _AT_ONCE)

    def read(self, rows: Sequence[Row]) -> None:
        """Reads what `unread` counts."""
        self._stream.read([row for row in rows if len(self._stream.missing(row)) > _AT_ONCE])

    def propose(self, rows: Sequence[Row], count: int) -> Proposal:
        """Draw `count` tokens for every row from the stream's own distribution, by the row's rules."""
        greedy = is_greedy([row.request.sampling for row in rows])
        logits, distributions, drawn = [], [], []
        for place in range(count):
            logits.append(self._stream.scores(rows))
            scores = self._composition.known(logits[-1])
            if greedy:
                tokens = scores[:, 0].argmax(-1)
            else:
                distributions.append(probabilities_of(scores, rows, place))
                points = torch.stack([row.points(place + 1)[place, 0] for row in rows])
                tokens = draw(distributions[-1][:, 0], points)
            drawn.append(tokens)
            for row, token in zip(rows, tokens.tolist(), strict=True):
                row.draft.append(token)
        if not self.is_term:
            return Proposal(torch.stack(drawn, 1), None, {})
        known = {self._stream.index: torch.cat(logits, 1)}
        return Proposal(
            torch.stack(drawn, 1), torch.cat(distributions, 1) if distributions else None, known
        )


def lookup(tokens: Sequence[int], count: int, longest: int = 3, window: int = 2048) -> list[int]:
    """`count` tokens that followed the last place where the newest tokens stood before (prompt lookup).

    Matches of `longest` tokens are tried first, then shorter ones, within the last `window` tokens; where
    there is none, or it ends too soon, the newest token is repeated.
    """
    recent = array("q", tokens[-window:])
    for size in range(min(longest, len(recent) - 1), 0, -1):
        start = _last(recent[:-1], recent[-size:])
        if start is not None:
            found = list(recent[start + size : start + size + count])
            return found + found[-1:] * (count - len(found))
    return [recent[-1]] * count


def _last(tokens: array[int], key: array[int]) -> int | None:
    """Where `key` stands last in `tokens`: looked for as bytes, since that is done at every step."""
    text, sought = tokens.tobytes(), key.tobytes()
    at = text.rfind(sought)
    while at % tokens.itemsize and at >= 0:
        at = text.rfind(sought, 0, at + len(sought) - 1)
    return at // tokens.itemsize if at >= 0 else None
