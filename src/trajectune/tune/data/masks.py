"""From examples to token rows with a proven mask, for any chat template.

The idea: the conversation is rendered once and `trajectune.models.chat` finds the trained characters; the
whole text is tokenized in one call, and the tokens that lie inside are trained. Where a token reaches
over the edge of a reply (the prompt's line end and the reply's first one, say), the text is tokenized
in pieces cut at the edges, which is also what happens when a model writes: it goes on from a finished
prompt.

Invariants: the trained tokens of each reply, decoded, are its words and the end-of-turn marker, not one
character more or less (up to Unicode's canonical equivalence, as some tokenizers normalise to NFC); a
row for which this is not so is set aside with the reason, never trained. A row ends with a trained
token: what follows the last one has no part in the loss.
"""

from __future__ import annotations

import logging
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from trajectune.example import Example
from trajectune.models.chat import ChatRenderer, MaskError, Rendered
from trajectune.tune.data.rows import TokenRow

__all__ = ["MaskError", "attempts", "tokenize", "tokenize_all"]

_BATCH = 64
"""Conversations handed to the tokenizer at once; it works on them in parallel."""

_log = logging.getLogger(__name__)


class _Encoded(NamedTuple):
    """Token ids of a text, shape [T], and for each trained span the range of tokens [first, last)."""

    tokens: NDArray[np.int32]
    replies: list[tuple[int, int]]


def tokenize(example: Example, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> TokenRow:
    """One example as a row of at most `max_tokens` tokens.

    A longer conversation loses its last turns, as long as a trained reply remains (`cut_replies`).
    Raises MaskError when the mask cannot be proven or no trained reply fits, ModelError when the
    template itself is of no use.
    """
    row = next(_rows([example], tokenizer, ChatRenderer(tokenizer), max_tokens))
    if isinstance(row, MaskError):
        raise row
    return row


def attempts(
    examples: Iterable[Example], tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> Iterator[tuple[Example, TokenRow | MaskError]]:
    """Each example with its row, or with the reason why its mask cannot be proven."""
    renderer = ChatRenderer(tokenizer)
    stream = iter(examples)
    while group := list(islice(stream, _BATCH)):
        yield from zip(group, _rows(group, tokenizer, renderer, max_tokens), strict=True)


def tokenize_all(
    examples: Iterable[Example], tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> tuple[list[TokenRow], list[tuple[str, str]]]:
    """Rows in the order of the examples, and (id, reason) of each example that was set aside."""
    rows: list[TokenRow] = []
    set_aside: list[tuple[str, str]] = []
    for example, row in attempts(examples, tokenizer, max_tokens):
        if isinstance(row, MaskError):
            set_aside.append((example.id, row.reason))
        else:
            rows.append(row)
    if set_aside:
        _log.warning(
            "%d of %d conversations set aside, the first because: %s",
            len(set_aside),
            len(rows) + len(set_aside),
            set_aside[0][1],
        )
    if shortened := sum(row.cut_replies > 0 for row in rows):
        _log.warning("%d of %d conversations shortened to %d tokens", shortened, len(rows), max_tokens)
    return rows, set_aside


def _rows(
    examples: Sequence[Example],
    tokenizer: PreTrainedTokenizerBase,
    renderer: ChatRenderer,
    max_tokens: int,
) -> Iterator[TokenRow | MaskError]:
    """A row or the reason against it for each example; the tokenizer is called once for all."""
    rendered = [_attempt_render(renderer, example) for example in examples]
    encoded = iter(_encode_all([item for item in rendered if isinstance(item, Rendered)], tokenizer))
    for example, item in zip(examples, rendered, strict=True):
        if isinstance(item, MaskError):
            yield item
            continue
        try:
            yield _row(example, _proven(item, next(encoded), tokenizer), max_tokens)
        except MaskError as error:
            yield error


def _attempt_render(renderer: ChatRenderer, example: Example) -> Rendered | MaskError:
    try:
        rendered = renderer.render(example)
        rendered.text.encode()
    except MaskError as error:
        return error
    except UnicodeEncodeError:
        return MaskError("the text holds half of a surrogate pair, which is no character")
    return rendered


def _encode_all(rendered: Sequence[Rendered], tokenizer: PreTrainedTokenizerBase) -> list[_Encoded | None]:
    """Each text tokenized in one piece; `None` where a token reaches over the edge of a reply."""
    if not rendered or not tokenizer.is_fast:  # a slow tokenizer does not say where its tokens stand
        return [None] * len(rendered)
    texts = [item.text for item in rendered]
    output = tokenizer(texts, add_special_tokens=False, return_offsets_mapping=True)
    found: list[_Encoded | None] = []
    for item, ids, offsets in zip(rendered, output["input_ids"], output["offset_mapping"], strict=True):
        places = np.asarray(offsets, dtype=np.int64).reshape(-1, 2)
        replies = [_inside(places, start, end) for start, end in item.spans]
        whole = [reply for reply in replies if reply is not None]
        tokens = np.asarray(ids, dtype=np.int32)
        found.append(_Encoded(tokens, whole) if len(whole) == len(replies) else None)
    return found


def _inside(places: NDArray[np.int64], start: int, end: int) -> tuple[int, int] | None:
    """Range of the tokens within the characters [start, end); `None` where one reaches over an edge."""
    first = int(np.searchsorted(places[:, 0], start))
    last = int(np.searchsorted(places[:, 0], end))
    starts_clean = first == 0 or places[first - 1, 1] <= start
    ends_clean = last > first and places[last - 1, 1] <= end
    return (first, last) if starts_clean and ends_clean else None


def _proven(item: Rendered, encoded: _Encoded | None, tokenizer: PreTrainedTokenizerBase) -> _Encoded:
    """The encoding whose replies decode to their texts: in one piece, else in pieces. Raises MaskError."""
    texts = [item.text[start:end] for start, end in item.spans]
    if encoded is not None and _decodes(encoded.tokens, encoded.replies, texts, tokenizer):
        return encoded
    edges = sorted({0, *(edge for span in item.spans for edge in span)})
    pieces = [item.text[start:end] for start, end in pairwise(edges)]
    ids = tokenizer(pieces, add_special_tokens=False)["input_ids"]
    counts = np.cumsum([0, *map(len, ids)]).tolist()
    tokens = np.asarray([token for piece in ids for token in piece], dtype=np.int32)
    ranges = dict(zip(pairwise(edges), pairwise(counts), strict=True))
    if not _decodes(tokens, list(ranges.values()), pieces, tokenizer):
        raise MaskError("the tokens do not decode to the words: the tokenizer changes the text")
    return _Encoded(tokens, [ranges[span] for span in item.spans])


def _decodes(
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
    options = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}
    prompts = tokenizer.batch_decode(before, **options)
    together = tokenizer.batch_decode([a + b for a, b in zip(before, words, strict=True)], **options)
    return all(
        whole == prompt + text or _nfc(whole) == _nfc(prompt + text)
        for whole, prompt, text in zip(together, prompts, texts, strict=True)
    )


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _row(example: Example, encoded: _Encoded, max_tokens: int) -> TokenRow:
    """The row up to the end of the last reply that fits. Raises MaskError when none does."""
    fitting = [(first, last) for first, last in encoded.replies if last <= max_tokens]
    if not fitting:
        raise MaskError(
            f"the first trained reply ends at token {encoded.replies[0][1]}, "
            f"beyond the limit of {max_tokens}"
        )
    if fitting[0][0] == 0:
        raise MaskError("the conversation begins with a reply: nothing predicts its first token")
    trained = np.zeros(fitting[-1][1], dtype=np.bool_)
    for first, last in fitting:
        trained[first:last] = True
    cut = len(encoded.replies) - len(fitting)
    return TokenRow(example.id, example.source, encoded.tokens[: len(trained)], trained, cut)
