"""From a rendered conversation to token ids, with the proof that they are its text.

The idea: the whole text is tokenized in one piece. Where a token reaches over the edge of a reply (the
prompt's line end and the reply's first one, say), the text is tokenized in pieces cut at the edges, which
is also what happens when a model writes: it goes on from a finished prompt. Ids that a model sampled for a
reply take the place of ours where they decode to the same text, so that it learns from what it did.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from trajectune.models.chat import MaskError, Rendered

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


def encode_all(rendered: Sequence[Rendered], tokenizer: PreTrainedTokenizerBase) -> list[Encoded | None]:
    """Each text tokenized in one piece; `None` where a token reaches over the edge of a reply."""
    if not rendered or not tokenizer.is_fast:  # a slow tokenizer does not say where its tokens stand
        return [None] * len(rendered)
    texts = [item.text for item in rendered]
    output = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    found: list[Encoded | None] = []
    for item, ids, offsets in zip(rendered, output["input_ids"], output["offset_mapping"], strict=True):
        places = np.asarray(offsets, dtype=np.int64).reshape(-1, 2)
        replies = [_inside(places, reply.start, reply.end) for reply in item.replies]
        whole = [reply for reply in replies if reply is not None]
        tokens = np.asarray(ids, dtype=np.int32)
        found.append(Encoded(tokens, whole, places) if len(whole) == len(replies) else None)
    return found


def proven(item: Rendered, encoded: Encoded | None, tokenizer: PreTrainedTokenizerBase) -> Encoded:
    """The encoding whose replies decode to their texts, in one piece or in several. Raises MaskError."""
    texts = [item.text[reply.start : reply.end] for reply in item.replies]
    if encoded is None or not _decode(encoded.tokens, encoded.replies, texts, tokenizer):
        encoded = _in_pieces(item, tokenizer)
    if any(reply.tokens is not None for reply in item.replies):
        return _as_sampled(item, encoded, tokenizer)
    return encoded


def _inside(places: NDArray[np.int64], start: int, end: int) -> tuple[int, int] | None:
    """Range of the tokens within the characters [start, end); `None` where one reaches over an edge."""
    first = int(np.searchsorted(places[:, 0], start))
    last = int(np.searchsorted(places[:, 0], end))
    starts_clean = first == 0 or places[first - 1, 1] <= start
    ends_clean = last > first and places[last - 1, 1] <= end
    return (first, last) if starts_clean and ends_clean else None


def _in_pieces(item: Rendered, tokenizer: PreTrainedTokenizerBase) -> Encoded:
    """The text tokenized in pieces cut at the edges of replies. Raises MaskError."""
    spans = [(reply.start, reply.end) for reply in item.replies]
    edges = sorted({0, *(edge for span in spans for edge in span)})
    pieces = [item.text[start:end] for start, end in pairwise(edges)]
    fast = bool(tokenizer.is_fast)
    output = tokenizer(pieces, add_special_tokens=False, return_offsets_mapping=fast)
    ids = output["input_ids"]
    counts = np.cumsum([0, *map(len, ids)]).tolist()
    tokens = np.asarray([token for piece in ids for token in piece], dtype=np.int32)
    ranges = dict(zip(pairwise(edges), pairwise(counts), strict=True))
    if not _decode(tokens, list(ranges.values()), pieces, tokenizer):
        raise MaskError("the tokens do not decode to the words: the tokenizer changes the text")
    places = None
    if fast:
        offsets = zip(edges, output["offset_mapping"], strict=False)
        shifted = [np.asarray(of_piece, np.int64).reshape(-1, 2) + edge for edge, of_piece in offsets]
        places = np.concatenate(shifted)
    return Encoded(tokens, [ranges[span] for span in spans], places)


def _as_sampled(item: Rendered, encoded: Encoded, tokenizer: PreTrainedTokenizerBase) -> Encoded:
    """The encoding with the ids that a model sampled, wherever they are the reply's text."""
    tokens: list[NDArray[np.int32]] = []
    places: list[NDArray[np.int64]] = []
    replies: list[tuple[int, int]] = []
    known = encoded.places if encoded.places is not None else np.zeros((len(encoded.tokens), 2), np.int64)
    done = length = 0
    for reply, (first, last) in zip(item.replies, encoded.replies, strict=True):
        before, ours = encoded.tokens[first - 1 : first].tolist(), encoded.tokens[first:last].tolist()
        text = item.text[reply.start : reply.end]
        ids = next(
            (ids for ids in _endings(reply.tokens, ours) if _reads(before, ids, text, tokenizer)), None
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
    texts = _texts([before + ids[:count] for count in range(len(ids) + 1)], tokenizer)
    ends = start + np.array([len(text) for text in texts], np.int64) - len(texts[0])
    return np.stack([ends[:-1], ends[1:]], axis=1)


def _decode(
    tokens: NDArray[np.int32],
    ranges: Sequence[tuple[int, int]],
    texts: Sequence[str],
    tokenizer: PreTrainedTokenizerBase,
) -> bool:
    """Whether each range of tokens, behind the token before it, decodes to its text exactly.

    The token before matters: SentencePiece-like decoders drop a space at the beginning of a text.
    """
    before = [tokens[max(first - 1, 0) : first].tolist() for first, _ in ranges]
    words = [tokens[first:last].tolist() for first, last in ranges]
    prompts = _texts(before, tokenizer)
    together = _texts([a + b for a, b in zip(before, words, strict=True)], tokenizer)
    return all(map(_same, together, prompts, texts))


def _reads(before: list[int], ids: list[int], text: str, tokenizer: PreTrainedTokenizerBase) -> bool:
    prompt, whole = _texts([before, before + ids], tokenizer)
    return _same(whole, prompt, text)


def _texts(ids: list[list[int]], tokenizer: PreTrainedTokenizerBase) -> list[str]:
    return tokenizer.batch_decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)


def _same(whole: str, prompt: str, text: str) -> bool:
    expected = prompt + text
    return whole == expected or _nfc(whole) == _nfc(expected)


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)
