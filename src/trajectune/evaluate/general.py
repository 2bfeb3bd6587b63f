"""General ability: what a model keeps of what it could do before it was tuned to act.

Three measures, from sensitive to plain: the loss on held-out general examples, the divergence from the
base model on general prompts, and accuracy on easy questions (`trajectune.evaluate.suites.questions`).

Invariants: loss and divergence are means over trained tokens, so long rows weigh more, as in training;
intervals resample whole rows or questions; the same seed asks the same questions of every model.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from trajectune.evaluate.accuracy import answers
from trajectune.evaluate.intervals import Interval, bootstrap_ratio, wilson
from trajectune.evaluate.likelihood import divergences, losses
from trajectune.evaluate.suites.questions import OPTIONS, question_sets
from trajectune.models.loading import LoadedModel
from trajectune.trajectory import Record
from trajectune.tune.data.rows import TokenRow

ITEMS = 60
"""Questions asked of each set."""


class SetAccuracy(Record):
    """Accuracy on one set of questions."""

    accuracy: Interval | None
    """Share of right answers (Wilson)."""
    chance: float
    """Share that guessing gets."""
    correct: list[bool]
    """Question by question, so that two models can be compared pairwise."""


class GeneralScores(Record):
    """What was measured of one model."""

    rows: int
    """General examples behind loss and divergence."""
    tokens: int
    """Trained tokens in them."""
    loss: Interval | None
    """Mean negative log-likelihood in nats per trained token; `None` without rows, as the next."""
    divergence: Interval | None
    """Mean KL(base‖model) in nats per trained token; `None` when no base model was given."""
    accuracy: dict[str, SetAccuracy]
    """By question set."""


def measure_general(
    model: LoadedModel,
    rows: Sequence[TokenRow],
    *,
    base: LoadedModel | None = None,
    items: int = ITEMS,
    seed: int = 0,
) -> GeneralScores:
    """Measure `model` on held-out general `rows` and on `items` questions of each set (0 asks none).

    `base` is the model before tuning; leave it out when measuring that model itself. Rows must have been
    tokenized by the model's own tokenizer. Raises `ModelError` when the two vocabularies differ.
    """
    counts = np.array([row.trained_tokens for row in rows])
    kl = divergences(base, model, rows) if base is not None else None
    accuracy = {}
    for name, questions in question_sets(items, seed).items() if items else ():
        correct = answers(model, questions, name)
        accuracy[name] = SetAccuracy(
            accuracy=wilson(sum(correct), len(correct)), chance=1 / OPTIONS, correct=correct
        )
    return GeneralScores(
        rows=len(rows),
        tokens=int(counts.sum()),
        loss=bootstrap_ratio(losses(model, rows), counts, seed),
        divergence=None if kl is None else bootstrap_ratio(kl, counts, seed),
        accuracy=accuracy,
    )
