"""Who drafts blocks of tokens for speculative decoding (`trajectune.engine.speculation` does it)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Speculation:
    """How blocks are drafted."""

    proposer: Literal["model", "lookup"] = "model"
    """`model`: the composition's `drafter`, or else its `draft` term. `lookup`: what followed the last
    words before (n-grams)."""
    block: int | None = None
    """Most tokens that a round gives; None adapts it to measured acceptance and times, down to plain
    decoding."""
    max_block: int = 16
