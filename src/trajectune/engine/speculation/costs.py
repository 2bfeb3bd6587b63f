"""What rounds of each length cost at one number of running rows, and what may still be lost to finding out.

The idea: times drift, as contexts grow and machines are shared, and those of all lengths drift together. So
a round of the length in use says how fast the machine is now and moves all times, while a round that tries
another length moves only that one's. What was measured long ago stays comparable with what is in use now.

Invariant: another length is tried only while the time lost to trials is below `SHARE` of the time of all
rounds and `START` plain steps. So what loses much is tried rarely, and nothing is given up
for ever.
"""

from __future__ import annotations

from collections.abc import Iterable

SHARE = 0.015
"""Share of the time that may be lost to trials."""
START = 1.0
"""Plain steps that may be lost besides, before anything is known."""
_FIRST = 3
"""First rounds of a length, of which the shortest counts: some touch memory or build kernels."""
_IN_USE, _TRIED = 0.1, 0.3
"""Shares by which a later time moves the estimates."""
_PAUSE, _RARELY = 8, 128
"""Rounds until a length is tried again: twice as many each time, until it was in use."""
_LONGEST = 1.5
"""A time longer than this multiple of the estimate counts as that: something else was running."""


class Costs:
    """Seconds of a round by its length; a round of length 1 is a plain step."""

    def __init__(self) -> None:
        self._seconds: dict[int, float] = {}
        self._rounds: dict[int, int] = {}
        self._pauses: dict[int, int] = {}
        self._due: dict[int, int] = {}
        self._count = 0
        self._total = self._lost = 0.0

    def known(self, length: int) -> bool:
        """Whether enough rounds of this length were seen to go by."""
        return self._rounds.get(length, 0) >= (_FIRST if length == 1 else 1)

    def seconds(self, length: int) -> float:
        """Estimated time of a round: measured, or on the line through the two nearest measured lengths.

        Beyond the longest measured one, a position costs at most a plain step.
        """
        if length in self._seconds or not self._seconds:
            return self._seconds.get(length, 0.0)
        shorter = sorted(other for other in self._seconds if other < length)
        longer = sorted(other for other in self._seconds if other > length)
        if not shorter or not (longer or shorter[1:]):
            return self._seconds[(shorter or longer)[0]]
        left, right = (shorter[-1], longer[0]) if longer else shorter[-2:]
        slope = (self._seconds[right] - self._seconds[left]) / (right - left)
        if not longer:
            slope = min(max(slope, 0.0), self._seconds.get(1, slope))
        return self._seconds[shorter[-1]] + slope * (length - shorter[-1])

    def may_try(self, length: int, loss: float) -> bool:
        """Whether a length may be tried now that is expected to lose so many seconds."""
        allowed = SHARE * self._total + START * self._seconds.get(1, 0.0)
        return self._count >= self._due.get(length, 0) and self._lost + max(loss, 0.0) <= allowed

    def observe(self, length: int, seconds: float, lost: float | None) -> None:
        """A round is over. `lost`: how much longer it took than the length in use; None: it is in use."""
        seen = self._rounds.get(length, 0)
        self._rounds[length] = seen + 1
        self._count += 1
        self._total += seconds
        self._lost += max(lost or 0.0, 0.0)
        self._rest(length, again=lost is not None and seen >= _FIRST)
        if seen < _FIRST:
            self._seconds[length] = min(seconds, self._seconds.get(length, seconds))
        elif lost is None:
            self._move(self._seconds, length, seconds, _IN_USE)
        else:
            self._move((length,), length, seconds, _TRIED)

    def _rest(self, length: int, again: bool) -> None:
        self._pauses[length] = min(2 * self._pauses[length], _RARELY) if again else _PAUSE
        self._due[length] = self._count + self._pauses[length]

    def _move(self, lengths: Iterable[int], measured: int, seconds: float, share: float) -> None:
        factor = 1 + share * (min(seconds / self._seconds[measured], _LONGEST) - 1)
        for length in lengths:
            self._seconds[length] *= factor
