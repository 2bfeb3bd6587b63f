"""How many tokens to draft per round, from what rounds have cost and how much of them was kept.

The idea: with acceptance a per token, a block of g gives E(g) = (1 − a^g)/(1 − a) tokens and takes
g·d + v + g·s seconds: d a draft step, v + g·s the judging of g positions. The best g follows from running
estimates of a, d, v and s (Leviathan et al. 2023, section 3.3, with times measured instead of assumed). v
and s cannot be told apart while all rounds are equally long, so now and then one is shorter or longer.

Invariant: the choice looks only at finished rounds, so it cannot bias what is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence

_DECAY = 0.95
"""Weight of the past against each new round: about the last twenty rounds count."""
_FIRST = (4, 1, 8)
"""Lengths of the first rounds, from which the line is known."""
_PROBE = 8
"""Every so many rounds the length is half, or half as long again, as the best."""


class BlockLength:
    """Chooses block lengths; `fixed` switches the choice off."""

    def __init__(self, fixed: int | None = None, longest: int = 16) -> None:
        self._fixed = fixed
        self._longest = longest
        # Before anything is measured: 8 of 10 drafts kept, as a beginning.
        self._kept, self._judged = 8.0, 10.0
        self._draft, self._drafts = 0.0, 0.0
        self._fit = [0.0] * 5  # decayed sums of 1, g, g², t, g·t for the line v + g·s
        self.rounds = self.tokens = self.drafted = self.accepted = 0
        """Totals, for reports; `tokens` counts what the rounds gave, all rows together."""

    @property
    def acceptance(self) -> float:
        """Estimated share of judged drafts that are kept."""
        return min(self._kept / self._judged, 0.999)

    def choose(self) -> int:
        """The length with the most tokens per second by the present estimates."""
        if self._fixed is not None:
            return self._fixed
        if self.rounds < len(_FIRST):
            return min(_FIRST[self.rounds], self._longest)
        best = max(
            range(1, self._longest + 1), key=lambda g: expected(self.acceptance, g) / self.seconds(g)
        )
        if self.rounds % _PROBE:
            return best
        longer = self.rounds // _PROBE % 2
        return min(best + (best + 1) // 2, self._longest) if longer else max(best // 2, 1)

    def seconds(self, length: int) -> float:
        """Estimated time of a round."""
        start, slope = self._line()
        step = self._draft / self._drafts if self._drafts else 0.0
        return max(length * step + start + slope * length, 1e-9)

    def observe(self, length: int, draft: float, judge: float, kept: Sequence[int]) -> None:
        """A round is over: seconds of drafting and of judging, and how many drafts each row kept."""
        judged = sum(min(count + 1, length) for count in kept)
        self.rounds += 1
        self.drafted += length * len(kept)
        self.accepted += sum(kept)
        self.tokens += judged
        share = 1 / len(kept)
        self._kept = _DECAY * self._kept + sum(kept) * share
        self._judged = _DECAY * self._judged + judged * share
        self._draft = _DECAY * self._draft + draft
        self._drafts = _DECAY * self._drafts + length
        new = (1, length, length**2, judge, length * judge)
        self._fit = [_DECAY * old + value for old, value in zip(self._fit, new, strict=True)]

    def _line(self) -> tuple[float, float]:
        """v and s by least squares; s is 0 while all rounds had one length."""
        n, g, gg, t, gt = self._fit
        spread = n * gg - g * g
        slope = max((n * gt - g * t) / spread, 0.0) if spread > 1e-6 * n * gg else 0.0
        return max((t - slope * g) / n, 0.0), slope


def expected(acceptance: float, length: int) -> float:
    """Tokens that a round of `length` drafts gives on average, without a bonus token."""
    return float(length) if acceptance >= 1 else (1 - acceptance**length) / (1 - acceptance)
