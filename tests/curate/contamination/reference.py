"""The definition of a dirty token, word for word and slow: what the fast analysis is held against."""

from __future__ import annotations

from collections.abc import Sequence

Words = Sequence[str]


def dirty_tokens(sample: Words, training: Sequence[Words], length: int, skips: int) -> set[int]:
    """Places in the sample that lie in a span which some training text repeats."""
    return {
        place
        for text in training
        for at in range(len(sample))
        for start in range(len(text))
        for size in range(length + 1, min(len(sample) - at, len(text) - start) + 1)
        if is_span(sample[at : at + size], text[start : start + size], length, skips)
        for place in range(at, at + size)
    }


def is_span(ours: Words, theirs: Words, length: int, skips: int) -> bool:
    """More than `length` tokens; the first `length` and the last are equal, at most `skips` differ."""
    differing = sum(a != b for a, b in zip(ours, theirs, strict=True))
    begins_alike = list(ours[:length]) == list(theirs[:length])
    return len(ours) > length and begins_alike and ours[-1] == theirs[-1] and differing <= skips
