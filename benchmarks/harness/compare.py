"""Sides compared in one run: they take turns until it is clear how they compare, or the time is up.

A round calls every side once with the round's number, from which a side draws its rows or seed, so that all
sides work on the same; every other round goes through the sides backwards. The first rounds warm up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from harness.comparison import Answer, Comparison, Piece, Round
from harness.weather import Station

Side = Callable[[int], Answer | Mapping[str, float]]
"""Does one round's work, named by the round's number, and gives its rates."""
Show = Callable[[Comparison, float], None]
"""Told after every round what is known so far, and the seconds that the run may take."""


def compare(
    sides: Mapping[str, Side],
    *,
    baseline: str,
    seconds: float,
    narrow: float = 0.03,
    warmups: int = 2,
    least: int = 5,
    station: Station | None = None,
    show: Show = lambda *_: None,
) -> Comparison:
    """Rounds of all sides until every interval is narrow, or another round would end after `seconds`.

    `least` rounds are made in any case, so slow sides may take longer.
    """
    station = station or Station()
    start, rounds = station.now(), list[Round]()
    while True:
        rounds.append(_round(sides, len(rounds), station))
        taken = station.now() - start
        found = Comparison(
            baseline=baseline, narrow=narrow, warmups=warmups, least=least, seconds=taken, rounds=[*rounds]
        )
        late = taken + taken / len(rounds) > seconds
        show(found, seconds)
        if found.settled() or (late and len(found.counted) >= least):
            return found


def measure(side: Side, name: str, **options: Any) -> Comparison:
    """One side alone, until its rates are clear."""
    return compare({name: side}, baseline=name, **options)


def _round(sides: Mapping[str, Side], number: int, station: Station) -> Round:
    """Every side once; odd rounds go backwards."""
    order = list(sides)[:: 1 if number % 2 == 0 else -1]
    pieces = {name: _piece(sides[name], number, station) for name in order}
    return Round(number=number, pieces={name: pieces[name] for name in sides})


def _piece(side: Side, number: int, station: Station) -> Piece:
    found, weather = station.watch(lambda: side(number))
    answer = found if isinstance(found, Answer) else Answer(rates=dict(found))
    return Piece(rates=answer.rates, facts=answer.facts, weather=weather)
