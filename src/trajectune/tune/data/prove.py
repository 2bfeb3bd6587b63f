"""Examples whose masks are proven, and the account of the others; for training and held-out rows alike.

The idea: an example counts only once its trained tokens are known to be the assistant's words. This is
settled once, when the data is put together: what is written down then can be tokenized again without a
surprise, and what cannot be proven is known by its id, source and reason, not by a line in a log.

Invariant: every example is kept or rejected, never neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from transformers import PreTrainedTokenizerBase

from trajectune.curate.steps.contract import Rejection
from trajectune.example import Example
from trajectune.tune.data.masks import MaskError, attempts
from trajectune.tune.data.rows import TokenRow


@dataclass(frozen=True, slots=True)
class Proven:
    """What became of some examples."""

    rows: list[TokenRow] = field(default_factory=list)
    """Those of the examples that were kept, in their order."""
    kept: list[Example] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    shortened: Counter[str] = field(default_factory=Counter)
    """By source: kept rows whose last replies did not fit in the limit of tokens."""


def prove(examples: Iterable[Example], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> Proven:
    """Tokenize examples to rows of at most `max_tokens` tokens, each with a proven mask.

    Raises `ModelError` when the chat template itself is of no use.
    """
    found = Proven()
    for example, row in attempts(examples, tokenizer, max_tokens):
        if isinstance(row, MaskError):
            found.rejected.append(Rejection(example.id, example.source, row.reason))
            continue
        found.rows.append(row)
        found.kept.append(example)
        if row.cut_replies:
            found.shortened[row.source] += 1
    return found
