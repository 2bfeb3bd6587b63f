"""From a rendered conversation to token ids, with the proof that they are its text.

The idea: a model writes behind a finished prompt, so the ids of a row are those of the prompt, tokenized as
it is when the model is asked, and those of the reply. Mostly that is the whole text tokenized in one piece.
Where it is not (a token would reach over the beginning of a reply, or the end of a prompt splits in another
way when nothing follows it) prompt and reply are tokenized apart, and replies share a row only as far as
the ids of a later prompt begin with them.

Invariant: before a reply that no sampled ids precede stand the ids of its prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from trajectune.models.chat import MaskError, Rendered, RenderedReply
from trajectune.tune.data.decoding import anchor, decodes
from trajectune.tune.data.sampled import Encoded, as_sampled

__all__ = ["Encoded", "encode_all", "proven"]


def encode_all(rendered: Sequence[Rendered], tokenizer: PreTrainedTokenizerBase) -> list[Encoded | None]:
    """Each text tokenized in one piece; `None` where that is not prompt and reply one behind the other."""
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
    return _behind_their_prompts(rendered, found, tokenizer)


def proven(
    item: Rendered, encoded: Encoded | None, tokenizer: PreTrainedTokenizerBase
) -> list[tuple[Rendered, Encoded]]:
    """The text's rows: encodings whose replies decode to their texts. Raises MaskError."""
    if encoded is not None and _decoded(item, encoded, tokenizer):
        rows = [(item, encoded)]
    else:
        rows = _apart(item, tokenizer)
    return [(part, as_sampled(part, one, tokenizer)) for part, one in rows]


def _inside(places: NDArray[np.int64], start: int, end: int) -> tuple[int, int] | None:
    """Range of the tokens within the characters [start, end); `None` where one reaches over an edge."""
    first = int(np.searchsorted(places[:, 0], start))
    last = int(np.searchsorted(places[:, 0], end))
    starts_clean = first == 0 or places[first - 1, 1] <= start
    ends_clean = last > first and places[last - 1, 1] <= end
    return (first, last) if starts_clean and ends_clean else None


def _behind_their_prompts(
    rendered: Sequence[Rendered], encoded: Sequence[Encoded | None], tokenizer: PreTrainedTokenizerBase
) -> list[Encoded | None]:
    """`None` also where a prompt, tokenized alone, has other ids than in the whole text.

    Tokens that the tokenizer takes out of a text before it splits it keep what stands before them from what
    follows, so only the end of a prompt has to be looked at.
    """
    added = np.asarray(sorted(tokenizer.added_tokens_decoder), np.int64)
    ends: list[str] = []
    expected: list[list[int]] = []
    owners: list[int] = []
    for number, (item, one) in enumerate(zip(rendered, encoded, strict=True)):
        if one is None or one.places is None:
            continue
        marks = np.flatnonzero(np.isin(one.tokens, added))
        for reply, (first, _) in zip(item.replies, one.replies, strict=True):
            before = marks[: np.searchsorted(marks, first)]
            mark = int(before[-1]) if len(before) else 0
            start = int(one.places[mark, 0]) if len(before) else 0
            ends.append(item.text[start : reply.start])
            expected.append(one.tokens[mark:first].tolist())
            owners.append(number)
    output = tokenizer(ends, add_special_tokens=False)["input_ids"] if ends else []
    other = {n for n, ids, ours in zip(owners, output, expected, strict=True) if list(ids) != ours}
    return [None if number in other else one for number, one in enumerate(encoded)]


def _decoded(item: Rendered, encoded: Encoded, tokenizer: PreTrainedTokenizerBase) -> bool:
    texts = [item.text[reply.start : reply.end] for reply in item.replies]
    rows = [
        (encoded.tokens[max(first - 1, 0) : first].tolist(), encoded.tokens[first:last].tolist())
        for first, last in encoded.replies
    ]
    return decodes(rows, texts, tokenizer)


class _Piece(NamedTuple):
    """A text tokenized by itself."""

    tokens: NDArray[np.int32]
    places: NDArray[np.int64]


def _apart(item: Rendered, tokenizer: PreTrainedTokenizerBase) -> list[tuple[Rendered, Encoded]]:
    """Prompt and reply of each reply, tokenized one behind the other; a row for as many as share their ids.

    Raises MaskError.
    """
    prompts = [_tokenized(item.text[: reply.start], 0, tokenizer) for reply in item.replies]
    replies = [_continued(item, reply, tokenizer) for reply in item.replies]
    wholes = [np.concatenate([a.tokens, b.tokens]) for a, b in zip(prompts, replies, strict=True)]
    found: list[tuple[Rendered, Encoded]] = []
    left = list(range(len(wholes)))
    while left:
        last = left[-1]
        inside = [n for n in left if np.array_equal(wholes[last][: len(wholes[n])], wholes[n])]
        shared = Rendered(item.text[: item.replies[last].end], [item.replies[n] for n in inside])
        places = np.concatenate([prompts[last].places, replies[last].places])
        ranges = [(len(prompts[n].tokens), len(wholes[n])) for n in inside]
        encoded = Encoded(wholes[last], ranges, places if tokenizer.is_fast else None)
        if not _decoded(shared, encoded, tokenizer):
            raise MaskError("the tokens do not decode to the words: the tokenizer changes the text")
        found.append((shared, encoded))
        left = [n for n in left if n not in inside]
    return found[::-1]


def _continued(item: Rendered, reply: RenderedReply, tokenizer: PreTrainedTokenizerBase) -> _Piece:
    """A reply tokenized as the continuation of a text: many tokenizers treat the first word differently."""
    text, mark = item.text[reply.start : reply.end], anchor(tokenizer)
    piece = _tokenized(mark + text, reply.start - len(mark), tokenizer)
    return _Piece(piece.tokens[1:], piece.places[1:]) if mark else piece


def _tokenized(text: str, start: int, tokenizer: PreTrainedTokenizerBase) -> _Piece:
    output = tokenizer(text, add_special_tokens=False, return_offsets_mapping=bool(tokenizer.is_fast))
    tokens = np.asarray(output["input_ids"], np.int32)
    offsets = output["offset_mapping"] if tokenizer.is_fast else np.zeros((len(tokens), 2))
    return _Piece(tokens, np.asarray(offsets, np.int64).reshape(-1, 2) + start)
