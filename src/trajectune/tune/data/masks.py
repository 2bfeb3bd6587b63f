"""From examples to token rows with a proven mask, for any chat template.

The idea: the conversation is rendered once and `trajectune.models.chat` finds the trained characters; the
whole text is tokenized in one call (`trajectune.tune.data.encoding`), and the tokens that lie inside are
trained. Every one of them carries a label: what part of the reply it is.

Invariants: the trained tokens of each reply, decoded, are its words and the end-of-turn marker, not one
character more or less (up to Unicode's canonical equivalence, as some tokenizers normalise to NFC); an
example for which this is not so is rejected with the reason, never trained. A row ends with a trained
token: what follows the last one has no part in the loss. Examples in = examples with rows + rejected ones.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice

import numpy as np
from numpy.typing import NDArray
from transformers import PreTrainedTokenizerBase

from trajectune.example import Example
from trajectune.models.chat import ChatRenderer, MaskError, Rendered, renderer_of
from trajectune.tune.data.encoding import Encoded, encode_all, proven
from trajectune.tune.data.labels import label
from trajectune.tune.data.rows import TokenRow

__all__ = ["MaskError", "tokenize", "tokenize_all"]

_BATCH = 64
"""Conversations handed to the tokenizer at once; it works on them in parallel."""

_log = logging.getLogger(__name__)


def tokenize(example: Example, tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> list[TokenRow]:
    """One example as rows of at most `max_tokens` tokens: one, or one for each past that a reply meets.

    A longer conversation loses its last turns, as long as a trained reply remains (`cut_replies`).
    Raises MaskError when the mask cannot be proven or no trained reply fits, ModelError when the
    template itself is of no use.
    """
    rows = next(_rows([example], renderer_of(tokenizer), max_tokens))
    if isinstance(rows, MaskError):
        raise rows
    return rows


def tokenize_all(
    examples: Iterable[Example], tokenizer: PreTrainedTokenizerBase, max_tokens: int
) -> tuple[list[TokenRow], list[tuple[str, str]]]:
    """Rows in the order of the examples, and (id, reason) of each example that was rejected."""
    renderer = renderer_of(tokenizer)
    found: list[TokenRow] = []
    rejected: list[tuple[str, str]] = []
    count, stream = 0, iter(examples)
    while group := list(islice(stream, _BATCH)):
        count += len(group)
        for example, rows in zip(group, _rows(group, renderer, max_tokens), strict=True):
            if isinstance(rows, MaskError):
                rejected.append((example.id, rows.reason))
            else:
                found += rows
    if rejected:
        _log.warning(
            "%d of %d conversations rejected, the first because: %s", len(rejected), count, rejected[0][1]
        )
    if shortened := sum(row.cut_replies > 0 for row in found):
        _log.warning("%d of %d conversations shortened to %d tokens", shortened, count, max_tokens)
    return found, rejected


def _rows(
    examples: Sequence[Example], renderer: ChatRenderer, max_tokens: int
) -> Iterator[list[TokenRow] | MaskError]:
    """Rows or the reason against them for each example; the tokenizer is called once for all."""
    tokenizer = renderer.tokenizer
    rendered = [_attempt_render(renderer, example) for example in examples]
    contexts = [context for item in rendered if not isinstance(item, MaskError) for context in item]
    encoded = iter(encode_all(contexts, tokenizer))
    for example, item in zip(examples, rendered, strict=True):
        if isinstance(item, MaskError):
            yield item
            continue
        pairs = [(context, next(encoded)) for context in item]
        try:
            rows = [row for context, found in pairs for row in proven(context, found, tokenizer)]
            yield _fitting(example, rows, max_tokens)
        except MaskError as error:
            yield error


def _attempt_render(renderer: ChatRenderer, example: Example) -> list[Rendered] | MaskError:
    try:
        rendered = renderer.render(example)
        for context in rendered:
            context.text.encode()
    except MaskError as error:
        return error
    except UnicodeEncodeError:
        return MaskError("the text holds half of a surrogate pair, which is no character")
    return rendered


def _fitting(example: Example, contexts: Sequence[tuple[Rendered, Encoded]], limit: int) -> list[TokenRow]:
    """A row for each context in which a reply fits. Raises MaskError when none does."""
    rows: list[TokenRow] = []
    left_out = 0
    for context, encoded in contexts:
        row = _row(example, context, encoded, limit)
        if row is None:
            left_out += len(encoded.replies)
        else:
            rows.append(row)
    if not rows:
        raise MaskError(
            f"the first trained reply ends at token {contexts[0][1].replies[0][1]}, "
            f"beyond the limit of {limit}"
        )
    return [*rows[:-1], replace(rows[-1], cut_replies=rows[-1].cut_replies + left_out)]


def _row(example: Example, context: Rendered, encoded: Encoded, limit: int) -> TokenRow | None:
    """The row up to the end of the last reply that fits; `None` when none does."""
    fitting = [(first, last) for first, last in encoded.replies if last <= limit]
    if not fitting:
        return None
    if fitting[0][0] == 0:
        raise MaskError("the conversation begins with a reply: nothing predicts its first token")
    trained = np.zeros(fitting[-1][1], dtype=np.bool_)
    for first, last in fitting:
        trained[first:last] = True
    cut = len(encoded.replies) - len(fitting)
    tokens = encoded.tokens[: len(trained)]
    labels = _labels(context, encoded)[: len(trained)] * trained
    return TokenRow(example.id, example.source, tokens, trained, cut, labels.astype(np.uint8))


def _labels(context: Rendered, encoded: Encoded) -> NDArray[np.uint8]:
    """Label of each token, shape [T]: that of its last character, as many tokens begin with a space."""
    characters = np.zeros(len(context.text) + 1, np.uint8)
    for reply in context.replies:
        for part in reply.parts:
            characters[part.start : part.end] = label(part.capability, part.is_format)
    if encoded.places is None:
        return np.zeros(len(encoded.tokens), np.uint8)
    starts, ends = encoded.places.T
    return characters[np.clip(np.maximum(ends - 1, starts), 0, len(context.text))]
