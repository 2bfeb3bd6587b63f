"""Examples whose masks are proven, and the account of the others; for training and held-out rows alike.

The idea: an example counts only once its trained tokens are known to be the assistant's words. This is
settled once, when the data is put together: what is written down then can be tokenized again without a
surprise, and what cannot be proven is known by its id, source and reason, not by a line in a log.

Invariant: every example is kept or rejected, never neither.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace

from transformers import PreTrainedTokenizerBase

from trajectune.curate.steps.contract import Rejection
from trajectune.example import Example
from trajectune.tune.data.masks import tokenize_all
from trajectune.tune.data.rows import TokenRow


@dataclass(frozen=True, slots=True)
class Proven:
    """What became of some examples."""

    rows: list[TokenRow]
    """Those of the examples that were kept, in their order."""
    kept: list[Example]
    rejected: list[Rejection]
    shortened: Counter[str]
    """By source: examples whose last replies did not fit in the limit of tokens."""


def prove(examples: Iterable[Example], tokenizer: PreTrainedTokenizerBase, max_tokens: int) -> Proven:
    """Tokenize examples to rows of at most `max_tokens` tokens, each with a proven mask.

    Raises `ModelError` when the chat template itself is of no use.
    """
    given = list(examples)
    numbered = [example.model_copy(update={"id": str(n)}) for n, example in enumerate(given)]
    rows, unproven = tokenize_all(numbered, tokenizer, max_tokens)  # numbered, as ids may not be unique
    reasons = {int(number): reason for number, reason in unproven}
    return Proven(
        rows=[replace(row, id=given[int(row.id)].id) for row in rows],
        kept=[example for n, example in enumerate(given) if n not in reasons],
        rejected=[Rejection(given[n].id, given[n].source, reason) for n, reason in reasons.items()],
        shortened=Counter(given[n].source for n in {int(row.id) for row in rows if row.cut_replies}),
    )
