"""A row with the ids that a model sampled: it learns from what it did, not from how we would spell it.

Invariant: sampled ids take the place of ours only where they decode to the reply's text.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from trajectune.models.chat import Rendered
from trajectune.tune.data.decoding import decodes, texts_of

_LONGEST_END = 4
"""Tokens of an end-of-turn marker that a sampled reply may lack."""


class Encoded(NamedTuple):
    """A text as tokens."""

    tokens: NDArray[np.int32]
    """Ids, shape [T]."""
    replies: list[tuple[int, int]]
    """For each trained reply its tokens [first, last)."""
    places: NDArray[np.int64] | None
    """Characters [start, end) of each token, shape [T, 2]; `None` where the tokenizer does not say."""


def as_sampled(item: Rendered, encoded: Encoded, tokenizer: PreTrainedTokenizerBase) -> Encoded:
    """The encoding with the ids that a model sampled, wherever they are the reply's text."""
    if all(reply.tokens is None for reply in item.replies):
        return encoded
    tokens: list[NDArray[np.int32]] = []
    places: list[NDArray[np.int64]] = []
    replies: list[tuple[int, int]] = []
    known = encoded.places if encoded.places is not None else np.zeros((len(encoded.tokens), 2), np.int64)
    done = length = 0
    for reply, (first, last) in zip(item.replies, encoded.replies, strict=True):
        before, ours = encoded.tokens[first - 1 : first].tolist(), encoded.tokens[first:last].tolist()
        text = item.text[reply.start : reply.end]
        ids = next(
            (ids for ids in _endings(reply.tokens, ours) if decodes([(before, ids)], [text], tokenizer)),
            None,
        )
        tokens.append(encoded.tokens[done:first])
        places.append(known[done:first])
        length += first - done
        if ids is None:
            ids, at = ours, known[first:last]
        else:
            at = _places(before, ids, reply.start, tokenizer)
        tokens.append(np.asarray(ids, np.int32))
        places.append(at)
        replies.append((length, length + len(ids)))
        length, done = length + len(ids), last
    return Encoded(np.concatenate(tokens), replies, np.concatenate(places))


def _endings(sampled: Sequence[int] | None, ours: Sequence[int]) -> Iterator[list[int]]:
    """The sampled ids, and these with our end-of-turn marker where they lack it or have another."""
    if sampled is None:
        return
    yield list(sampled)
    for size in range(1, min(_LONGEST_END, len(ours)) + 1):
        yield [*sampled, *ours[-size:]]
        yield [*sampled[:-1], *ours[-size:]]


def _places(
    before: list[int], ids: list[int], start: int, tokenizer: PreTrainedTokenizerBase
) -> NDArray[np.int64]:
    """Characters [start, end) of each sampled token, told from what grows when it is decoded."""
    texts = texts_of([before + ids[:count] for count in range(len(ids) + 1)], tokenizer)
    ends = start + np.array([len(text) for text in texts], np.int64) - len(texts[0])
    return np.stack([ends[:-1], ends[1:]], axis=1)
