"""What a model keeps: its loss on held-out general examples, and how far it has moved from its base.

The idea: the examples are rendered, tokenized and proven exactly as training data is, by the system's own
template, so the number is the one that the training loss would be. Invariants: loss and divergence are
means over trained tokens, so long rows weigh more, as in training; an example whose mask cannot be proven
is counted as rejected, with the reason in `rejected.jsonl`; intervals resample whole rows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import JsonValue

from trajectune.evaluate.contract import Group, Item, Measurement, Need, Suite, System
from trajectune.evaluate.intervals import Interval, bootstrap_ratio
from trajectune.evaluate.items import ITEMS, write_items
from trajectune.evaluate.likelihood import divergences, losses
from trajectune.example import Example
from trajectune.models.loading import LoadedModel, load_model
from trajectune.progress import OnProgress, silent
from trajectune.storage import encode, open_atomic
from trajectune.tune.data.masks import tokenize_all
from trajectune.tune.data.rows import TokenRow


class GeneralLoss(Suite):
    """Loss on general examples, and divergence from a base model.

    `GeneralLoss(data.held_out, base="embedded")`.

    `base` is the model before tuning, loaded or by name; a system that is the base itself gets no
    divergence. Conversations are cut to `max_tokens`.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"likelihoods"})

    def __init__(
        self,
        examples: Sequence[Example],
        *,
        base: LoadedModel | str | None = None,
        max_tokens: int = 4096,
        name: str = "general-loss",
    ) -> None:
        self.name = name
        self.group: Group = "general"
        self.examples = list(examples)
        self.max_tokens = max_tokens
        self._base = base

    def settings(self) -> dict[str, JsonValue]:
        digest = hashlib.sha256()
        for example in self.examples:
            digest.update(encode(example))
        base = self._base.name if isinstance(self._base, LoadedModel) else self._base
        return {"examples": digest.hexdigest()[:16], "base": base, "max_tokens": self.max_tokens}

    def measure(
        self, system: System, folder: Path, seed: int = 0, on_progress: OnProgress = silent
    ) -> Measurement:
        """Raises `ModelError` when the base model's vocabulary is another."""
        rows, rejected = tokenize_all(self.examples, system.scorer.tokenizer, self.max_tokens)
        with open_atomic(folder / "rejected.jsonl") as file:
            for row, reason in rejected:
                file.write(encode({"id": row, "reason": reason}))
        metrics: dict[str, Interval] = {}
        nll = losses(system.scorer, rows, on_progress)
        items = _record(folder / ITEMS, rows, nll, "loss", metrics, seed)
        if (base := self._other_base(system)) is not None:
            kl = divergences(base, system.scorer, rows, on_progress)
            _record(folder / "divergence.jsonl", rows, kl, "divergence", metrics, seed)
        return Measurement(
            suite=self.name,
            group=self.group,
            system=system.identity,
            headline="loss",
            lower_is_better=True,
            metrics=metrics,
            counts={
                "rows": len(self.examples) - len(rejected),
                "tokens": sum(row.trained_tokens for row in rows),
                "rejected": len(rejected),
                "shortened": sum(row.cut_replies > 0 for row in rows),
            },
            items=items,
        )

    def _other_base(self, system: System) -> LoadedModel | None:
        """The base model, where the system is another one."""
        base, scorer = self._base, system.scorer
        name = base.name if isinstance(base, LoadedModel) else base
        if base is None or base is scorer or name == system.identity.model:
            return None
        if isinstance(base, str):
            base = load_model(base, str(scorer.dtype).removeprefix("torch."), str(scorer.device))
        return base


def _record(
    path: Path,
    rows: Sequence[TokenRow],
    sums: NDArray[np.float64],
    metric: str,
    metrics: dict[str, Interval],
    seed: int,
) -> str:
    """Write the items, and put the metric and its interval, if there is any item, among the others.

    One item an example: what became several token rows is added up.
    """
    items: dict[str, Item] = {}
    for row, value in zip(rows, sums.tolist(), strict=True):
        before = items.get(row.id)
        score, weight = (before.score, before.weight) if before else (0.0, 0.0)
        items[row.id] = Item(
            task=row.id, seed=seed, kind=row.source, score=score + value, weight=weight + row.trained_tokens
        )
    found = list(items.values())
    interval = bootstrap_ratio([each.score for each in found], [each.weight for each in found], seed)
    if interval is not None:
        metrics[metric] = interval
    return write_items(path, found)
