"""What is to be bought: the words that the agent is told, and what they ask for.

Invariant: a goal is plain data (`data` and `goal` are inverse), so a task carries it whole and needs no
catalogue to be described.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from random import Random
from typing import Any

STEP, STEPS = 10.0, 99
"""The ladder of price limits in dollars: 10, 20, … 990."""
ABOVE = 4
"""Limits are drawn from so many steps above the price."""


@dataclass(frozen=True, slots=True)
class Goal:
    """A wish for one product."""

    instruction: str
    """All that the agent is told, the price limit included."""
    asin: str
    """The product it was written for; others may do as well."""
    title: str
    query: str
    path: tuple[str, ...]
    attributes: tuple[str, ...]
    options: tuple[str, ...] = ()
    """Values of options, whatever the options are called."""
    limit: float | None = None
    """The most it may cost, in dollars; `None` for any price."""

    def data(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self) | {
            name: list(getattr(self, name)) for name in ("path", "attributes", "options")
        }


def goal(data: Mapping[str, Any]) -> Goal:
    """The goal of some `data`."""
    lists: dict[str, Sequence[str]] = {name: data[name] for name in ("path", "attributes", "options")}
    return Goal(**{**data, **{name: tuple(values) for name, values in lists.items()}})


def price_limit(price: float, rng: Random) -> float | None:
    """A limit above a price: one of the next four steps of the ladder, the nearest of them hardly ever.

    WebShop's rule: of two different steps the higher one; no limit where the ladder ends (`None`).
    """
    steps = [STEP * number for number in range(1, STEPS + 1) if STEP * number > price][:ABOVE]
    return max(rng.sample(steps, 2)) if len(steps) > 1 else None
