"""Who drafts: the composition's small tuned model, or the text itself.

Invariant: a proposal says exactly what its tokens were drawn from. A model's distribution is recorded after
the row's sampling rules; looked-up tokens were not drawn at all, and their distribution is certainty
(judging them by a model's soft probabilities is the classic mistake).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch

from trajectune.engine.distribution import Distribution, probabilities_of
from trajectune.engine.row import Row
from trajectune.engine.sampling import draw, is_greedy


@dataclass(frozen=True, slots=True)
class Proposal:
    """A drafted block."""

    tokens: torch.Tensor
    """`[rows, count]`."""
    distributions: torch.Tensor | None
    """What each token was drawn from, `[rows, count, vocabulary]`; None where tokens were certain."""
    logits: dict[int, torch.Tensor]
    """Logits `[rows, count, vocabulary]` of streams, by index, that drafting has computed anyway."""


class ModelProposer:
    """Drafts with one stream, token by token."""

    def __init__(self, distribution: Distribution, stream: int) -> None:
        self._composition = distribution.composition
        self._stream = distribution.streams[stream]

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
        known = {self._stream.index: torch.cat(logits, 1)}
        return Proposal(
            torch.stack(drawn, 1), torch.cat(distributions, 1) if distributions else None, known
        )


def lookup(tokens: Sequence[int], count: int, longest: int = 3, window: int = 2048) -> list[int]:
    """`count` tokens that followed the last place where the newest tokens stood before (prompt lookup).

    Matches of `longest` tokens are tried first, then shorter ones, within the last `window` tokens; where
    there is none, or it ends too soon, the newest token is repeated.
    """
    recent = list(tokens[-window:])
    for size in range(min(longest, len(recent) - 1), 0, -1):
        key = recent[-size:]
        for start in range(len(recent) - size - 1, -1, -1):
            if recent[start : start + size] == key:
                found = recent[start + size : start + size + count]
                return found + found[-1:] * (count - len(found))
    return recent[-1:] * count
