"""A token row: what remains of an example once its text is tokens and its mask is proven.

The idea: everything in `trajectune.tune` below this file (packing, trees, loss, loop) knows rows and
nothing of text, so it can be tested with made-up numbers.

Invariants: `tokens` and `trained` have equal length; `trained[0]` is False (nothing predicts the
first token); at least one position is trained. Several rows may come from one example.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One conversation as tokens, or one context of it where the template rewrites the past."""

    id: str
    """The example's."""
    source: str
    """The example's source; the share of the loss that a source gets goes by it."""
    tokens: NDArray[np.int32]
    """Token ids, shape [T]."""
    trained: NDArray[np.bool_]
    """Shape [T]: `trained[t]` says that predicting `tokens[t]` from what precedes it is in the loss."""
    cut_replies: int = 0
    """Trained replies that were left out because they end beyond the limit of tokens."""
    labels: NDArray[np.uint8] = field(default_factory=lambda: np.zeros(0, np.uint8))
    """What each trained token is (`trajectune.tune.data.labels`), shape [T]; zeros where nobody knows."""

    def __post_init__(self) -> None:
        if not len(self.labels):
            object.__setattr__(self, "labels", np.zeros(len(self.tokens), np.uint8))
        if self.labels.shape != self.tokens.shape:
            raise ValueError(f"row {self.id}: tokens and labels must be vectors of equal length")
        if self.tokens.shape != self.trained.shape or self.tokens.ndim != 1:
            raise ValueError(f"row {self.id}: tokens and trained must be vectors of equal length")
        if not self.trained.any() or self.trained[0]:
            raise ValueError(f"row {self.id}: some token but the first must be trained")

    def __len__(self) -> int:
        return int(self.tokens.shape[0])

    @property
    def trained_tokens(self) -> int:
        """Number of tokens in the loss."""
        return int(self.trained.sum())
