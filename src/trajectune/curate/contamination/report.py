"""What a contamination analysis found: shares of dirty tokens, the paper's four subsets, and the spans.

The idea: Llama 2's appendix on contamination, which AgentTuning follows, cuts an evaluation set at a
share of dirty tokens of 20 % and of 80 %, and compares a model's scores on the four subsets. A sample of
fewer tokens than a span needs is clean whatever the training data hold, so such samples are counted apart
too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

from trajectune.trajectory import Record

CLEAN, DIRTY = 0.2, 0.8
"""Shares of dirty tokens: clean is below the first, dirty from the second on."""


class Unread(Record):
    """Rows that could not be read, for one reason."""

    reason: str
    rows: int
    first_line: int
    """Where the first of them stands, from 1."""


class Match(Record):
    """A stretch of a sample that a training row repeats."""

    source: str
    """The training data."""
    row: str
    """The training row that holds it, the first one where several do."""
    tokens: int
    differing: int
    """Of the tokens, how many are others in the training row."""
    text: str
    """The stretch, as the sample has it."""
    training: str
    """The stretch, as the training row has it."""


class Finding(Record):
    """One sample that shares something with the training data."""

    place: str
    """The sample's, in its set."""
    tokens: int
    dirty_tokens: int
    share: float
    matches: list[Match]
    """Stretches that together hold all of its dirty tokens, in their order."""


class Subset(Record):
    """Samples whose share of dirty tokens is in a range."""

    samples: int
    share: float | None
    """Mean share of dirty tokens; `None` without samples."""

    @classmethod
    def of(cls, shares: Iterable[float]) -> Self:
        """The subset of these shares."""
        found = list(shares)
        return cls(samples=len(found), share=sum(found) / len(found) if found else None)


class SetReport(Record):
    """One evaluation set."""

    name: str
    samples: int
    too_short: int
    """Samples whose every part has too few tokens for a span; they are among the clean ones."""
    tokens: int
    dirty_tokens: int
    clean: Subset
    """Below 20 %."""
    not_clean: Subset
    """From 20 % on."""
    not_dirty: Subset
    """Below 80 %."""
    dirty: Subset
    """From 80 % on."""
    rejected: list[Unread]
    """Rows of the set that could not be read."""
    findings: list[Finding]
    """The samples with the largest shares, as many as were asked for."""

    @classmethod
    def subsets(cls, shares: list[float]) -> dict[str, Subset]:
        """The paper's four subsets."""
        return {
            "clean": Subset.of(share for share in shares if share < CLEAN),
            "not_clean": Subset.of(share for share in shares if share >= CLEAN),
            "not_dirty": Subset.of(share for share in shares if share < DIRTY),
            "dirty": Subset.of(share for share in shares if share >= DIRTY),
        }


class Contamination(Record):
    """Training data beside evaluation sets."""

    training: list[str]
    """What was trained on, by name."""
    rows: int
    tokens: int
    rejected: list[Unread]
    """Training rows that could not be read."""
    unit: str
    """What a token is."""
    length: int
    """A span has more tokens than this."""
    skips: int
    """Tokens that may differ in a span."""
    sets: list[SetReport]
