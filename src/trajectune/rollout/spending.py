"""What an agent has spent on a collection, in tokens and money, and what it may spend.

The idea: every answered request is a line of a ledger the moment it is answered, so that the sum survives
whatever ends the process, and holds also what was spent on episodes that were never finished. Money is
computed from a table of prices and never stored: prices change, tokens that were used do not.

Invariants: the ledger's sum is what servers told; once a budget is reached no further request is made. The
requests that are being answered at that moment still count: it is exceeded by one reply a worker at most.
"""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import Field

from trajectune.errors import BudgetError, RecipeError
from trajectune.storage import JsonlWriter, read_records
from trajectune.trajectory import Record, Usage


class Price(Record):
    """What a million tokens cost, in any one currency."""

    prompt: Annotated[float, Field(ge=0)] = 0.0
    """A million tokens of prompts."""
    generated: Annotated[float, Field(ge=0)] = 0.0
    """A million tokens of replies."""

    def of(self, usage: Usage) -> float:
        """What this usage cost."""
        return (usage.prompt_tokens * self.prompt + usage.generated_tokens * self.generated) / 1e6


class Budget(Record):
    """What a collection may spend before it stops; what is empty is not limited."""

    tokens: Annotated[int, Field(ge=1)] | None = None
    """Tokens of prompts and replies together."""
    money: Annotated[float, Field(gt=0)] | None = None
    """In the currency of the prices."""


class Line(Usage):
    """A line of the ledger: one reply."""

    source: str
    """The recipe's name for the environment."""


class Spending:
    """A ledger, and the budget that it is held against. Many threads may add to it."""

    def __init__(self, path: Path, price: Price | None = None, budget: Budget | None = None) -> None:
        """Goes on with the ledger at `path`, which is written when there is something to write."""
        self.price = price
        self._path = path
        self._budget = budget or Budget()
        self._lock = threading.Lock()
        self._pending: deque[Line] = deque()
        self._writing = threading.Lock()
        self._writer: JsonlWriter | None = None
        self._sums: defaultdict[str, Usage] = defaultdict(Usage)
        for source, usage in spent(path).items():
            self._sums[source] = usage

    @property
    def total(self) -> Usage:
        """All that was spent."""
        with self._lock:
            return sum(self._sums.values(), Usage())

    def add(self, source: str, usage: Usage, *, answered: bool = True) -> None:
        """Write down what a reply took. Raises `RecipeError` where nobody knows, and a budget has to."""
        limited = self._budget.tokens is not None or self._budget.money is not None
        if answered and limited and not usage.tokens:
            raise RecipeError(
                "the budget cannot be kept: the endpoint does not say how many tokens an answer took",
                remedy="leave `agent.budget` out, and set a limit where the endpoint is paid for",
            )
        if usage == Usage():
            return
        with self._lock:
            self._sums[source] += usage
            self._pending.append(Line(source=source, **usage.model_dump()))
        self._write()

    def _write(self) -> None:
        """Write what is pending, unless another thread is at it, which then writes this too.

        Nobody waits for the disk: a thousand threads would stand in line behind each other.
        """
        while self._pending and self._writing.acquire(blocking=False):
            try:
                self._writer = self._writer or JsonlWriter(self._path)
                while self._pending:
                    self._writer.write(self._pending.popleft())
            finally:
                self._writing.release()

    @property
    def reached(self) -> bool:
        """Whether the budget is spent."""
        total, budget = self.total, self._budget
        if budget.tokens is not None and total.tokens >= budget.tokens:
            return True
        return budget.money is not None and self._money(total) >= budget.money

    def error(self, unfinished: int, where: str) -> BudgetError:
        """What to tell the user where episodes are left."""
        return BudgetError(
            f"the budget is spent ({self.told}): {unfinished:,} episodes are left to play",
            where=where,
            remedy="the same command with a larger `agent.budget` goes on; what is finished is kept",
        )

    @property
    def told(self) -> str:
        """The total in words."""
        return in_words(self.total, self.price)

    def close(self) -> None:
        """Bring the ledger to the disk; it may be added to again."""
        self._write()
        with self._writing:
            if self._writer is not None:
                self._writer.close()
            self._writer = None

    def _money(self, usage: Usage) -> float:
        return 0.0 if self.price is None else self.price.of(usage)


def spent(path: Path) -> Mapping[str, Usage]:
    """What a ledger holds, by source; nothing where there is none."""
    sums: defaultdict[str, Usage] = defaultdict(Usage)
    for line in read_records(path, Line) if path.exists() else ():
        sums[line.source] += line
    return dict(sums)


def in_words(usage: Usage, price: Price | None) -> str:
    """Tokens, and money where there are prices."""
    money = "" if price is None else f", {price.of(usage):,.2f} in money"
    return f"{usage.tokens:,} tokens{money}"
