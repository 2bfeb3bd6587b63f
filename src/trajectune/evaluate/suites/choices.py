"""Accuracy on easy multiple-choice questions: knowledge that even a small model has, and may lose.

Invariant: the same seed asks the same questions of every system, so that two are compared question by
question.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import ClassVar

from pydantic import JsonValue

from trajectune.evaluate.accuracy import answers
from trajectune.evaluate.contract import Group, Item, Measurement, Need, Suite, System
from trajectune.evaluate.intervals import wilson
from trajectune.evaluate.items import ITEMS, write_items
from trajectune.evaluate.suites.questions import OPTIONS, question_sets
from trajectune.progress import OnProgress, silent


class Choices(Suite):
    """`items` questions of each set (`trajectune.evaluate.suites.questions`), four options each.

    `Choices(items=60)`.
    """

    needs: ClassVar[frozenset[Need]] = frozenset({"likelihoods"})

    def __init__(self, items: int = 60, *, name: str = "choices") -> None:
        self.name = name
        self.group: Group = "general"
        self.items = items

    def settings(self) -> dict[str, JsonValue]:
        return {"items": self.items}

    def measure(
        self, system: System, folder: Path, seed: int = 0, on_progress: OnProgress = silent
    ) -> Measurement:
        found = {
            name: answers(system.scorer, questions, on_progress, name)
            for name, questions in question_sets(self.items, seed).items()
        }
        items = [
            Item(task=f"{name}/{number}", seed=seed, kind=name, score=float(right))
            for name, correct in found.items()
            for number, right in enumerate(correct)
        ]
        parts: defaultdict[str, list[bool]] = defaultdict(list)
        for name, correct in found.items():
            parts["accuracy"] += correct
            parts[f"accuracy/{name}"] = correct
        shares = {name: wilson(sum(correct), len(correct)) for name, correct in parts.items()}
        return Measurement(
            suite=self.name,
            group=self.group,
            system=system.identity,
            note=f"Guessing is right in {100 // OPTIONS} %.",
            headline="accuracy",
            metrics={name: share for name, share in shares.items() if share is not None},
            counts={"questions": len(items), "correct": sum(parts["accuracy"])},
            items=write_items(folder / ITEMS, items),
        )
