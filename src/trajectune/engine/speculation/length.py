"""How many tokens a round is to judge, from what rounds have cost and how much of them was kept.

The idea: with acceptance a per token, a round of length g gives E(g) = (1 − a^g)/(1 − a) tokens (Leviathan
et al. 2023, section 3.1) and takes a time that is measured for each length and each number of running rows
(`trajectune.engine.speculation.costs`). The length with the most tokens per second is used; length 1, the
plain step, is one of the choices. Now and then a neighbour of it is tried, or no drafts at all, or, where
there are none, the most promising length with drafts: texts change, and so does what is kept.

A drafter that is no term of the composition must read what was said while it was not asked. What that
costs counts against what its drafts have saved: where they do not pay for it, they are left off.

Invariant: the choice looks only at finished rounds, so it cannot bias what is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

from trajectune.engine.speculation.costs import SHARE, START, Costs

_LENGTHS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32)
"""Lengths to choose from: between them, tokens per second hardly differ."""
_MEMORY = 200
"""About so many of the newest judged drafts count."""
_PAUSE = 4
"""Rounds between two trials, at least."""


class BlockLength:
    """Chooses lengths; `fixed` switches the choice off."""

    def __init__(self, fixed: int | None = None, longest: int = 16) -> None:
        self._fixed = 1 if longest == 1 else fixed
        self._lengths = sorted({1, *(length for length in _LENGTHS if length <= longest), longest})
        self._costs: dict[int, Costs] = {}
        self._newest = Costs()
        # Before anything is measured: 8 of 10 drafts kept, as a beginning.
        self._kept, self._judged = 8.0, 10.0
        self._tried_beside: int | None = None  # the best length, where the newest choice was another one
        self._rest = 0
        self._token_read = self._total = self._saved = 0.0
        self.rounds = self.tokens = self.drafted = self.accepted = 0
        """Totals, for reports; `tokens` counts what the rounds gave, all rows together."""

    @property
    def acceptance(self) -> float:
        """Estimated share of judged drafts that are kept."""
        return min(self._kept / self._judged, 0.999)

    def choose(self, rows: int = 1, unread: int = 0) -> int:
        """The length of the next round of so many rows: the best, or one that is to be tried.

        `unread` tokens must be read by the drafter before it can draft.
        """
        self._tried_beside = None
        if self._fixed is not None:
            return self._fixed
        costs = self._of(rows)
        if not (costs.known(1) and self._can_read(costs, unread)):
            return 1
        best, promising = self._best(costs), self._promising(costs)
        others = [promising] if self._rest else self._candidates(best, promising)
        for other in others:
            if other != best and self._worth_trying(costs, other, best):
                self._tried_beside = best
                return other
        return best

    def seconds(self, length: int) -> float:
        """Estimated time of a round with as many rows as the newest one had."""
        return max(self._newest.seconds(length), 1e-9)

    def read(self, tokens: int, seconds: float) -> None:
        """The drafter has read tokens that it had not seen."""
        self._token_read = seconds / tokens
        self._total += seconds
        self._saved -= seconds

    def observe(self, length: int, seconds: float | None, drafts: int, kept: Sequence[int]) -> None:
        """A round is over: its time, drafts per row, and how many of them each row kept.

        No time is given where the length was not that chosen: for want of room, not for its speed.
        """
        if seconds is not None:
            self._time(self._of(len(kept)), length, seconds)
        self.rounds += 1
        self.drafted += drafts * len(kept)
        self.accepted += sum(kept)
        self.tokens += sum(min(count + 1, length) for count in kept)
        judged = sum(min(count + 1, drafts) for count in kept)
        past = (1 - 1 / _MEMORY) ** judged
        self._kept = past * self._kept + sum(kept)
        self._judged = past * self._judged + judged

    def _time(self, costs: Costs, length: int, seconds: float) -> None:
        self._newest = costs
        best = self._tried_beside
        lost = None if best is None else seconds - self._as_good(costs, length, best)
        if costs.known(1):
            self._saved += self._as_good(costs, length, 1) - seconds
        self._rest = max(self._rest - 1, 0) if lost is None else _PAUSE
        self._total += seconds
        costs.observe(length, seconds, lost)

    def _of(self, rows: int) -> Costs:
        """Costs at about so many rows: 1, 2, up to 4, up to 8 and so on."""
        return self._costs.setdefault((rows - 1).bit_length(), Costs())

    def _can_read(self, costs: Costs, unread: int) -> bool:
        """Whether the drafts have saved what it costs to read so much, or nearly."""
        allowed = SHARE * self._total + START * costs.seconds(1) + self._saved
        return not unread or unread * self._token_read <= allowed

    def _best(self, costs: Costs) -> int:
        """The measured length with the most tokens per second."""
        known = [length for length in self._lengths if costs.known(length)]
        return max(known, key=lambda length: self._rate(costs, length))

    def _promising(self, costs: Costs) -> int:
        """The length with drafts that would be best if all estimates were right."""
        if not costs.known(2):
            return self._lengths[1]
        return max(self._lengths[1:], key=lambda length: self._rate(costs, length))

    def _candidates(self, best: int, promising: int) -> list[int]:
        at = self._lengths.index(best)
        return list(dict.fromkeys([promising, *self._lengths[max(at - 1, 0) : at + 2], 1]))

    def _worth_trying(self, costs: Costs, length: int, best: int) -> bool:
        return costs.may_try(length, costs.seconds(length) - self._as_good(costs, length, best))

    def _as_good(self, costs: Costs, length: int, other: int) -> float:
        """Seconds in which rounds of another length give as many tokens as one of `length`."""
        return expected(self.acceptance, length) / self._rate(costs, other)

    def _rate(self, costs: Costs, length: int) -> float:
        return expected(self.acceptance, length) / max(costs.seconds(length), 1e-9)


def expected(acceptance: float, length: int) -> float:
    """Tokens that a round of `length` judged positions gives on average."""
    return float(length) if acceptance >= 1 else (1 - acceptance**length) / (1 - acceptance)
