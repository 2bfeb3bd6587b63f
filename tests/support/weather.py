"""A station without a machine: the clock moves by what each piece is said to take."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from harness.weather import Probe, Station, Weather

T = TypeVar("T")
CALM = Probe(read=40.0, matrix=1000.0)


def weather(others: float | None = 0.0, before: Probe = CALM, after: Probe = CALM) -> Weather:
    """A second of undisturbed work, unless said otherwise."""
    return Weather(seconds=1.0, others=others, mhz=2600.0, before=before, after=after)


class FakeStation(Station):
    """Every piece takes a second; `weathers` says what the n-th one meets (calm after the last)."""

    def __init__(self, *weathers: Weather) -> None:
        self.clock, self.coming = 0.0, list(weathers)

    def now(self) -> float:
        return self.clock

    def watch(self, work: Callable[[], T]) -> tuple[T, Weather]:
        done = work()
        self.clock += 1.0
        return done, self.coming.pop(0) if self.coming else weather()
