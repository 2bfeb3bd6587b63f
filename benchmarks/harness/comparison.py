"""The rounds of a run, and what follows from them: rates, ratios, and which of them say nothing.

Ratios are of rates of the same round, so what slows a whole round (a hot machine) cancels. A ratio is
refused, with the reason, where fewer rounds than wanted, or fewer than half, were undisturbed on both of
its sides. Everything here is computed from the rounds: a report that is read again gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from harness.estimate import Estimate, estimate
from harness.weather import Weather, disturbance, typical


class Answer(BaseModel):
    """What a side says of one round."""

    model_config = ConfigDict(frozen=True)

    rates: dict[str, Annotated[float, Field(gt=0, allow_inf_nan=False)]]
    """By part of the work: the more the better."""
    facts: dict[str, Any] = {}
    """What a reader may want to know besides: a loss, a peak of memory."""


class Piece(Answer):
    """One side's part of a round."""

    weather: Weather


class Round(BaseModel):
    """One turn of every side."""

    model_config = ConfigDict(frozen=True)

    number: int
    pieces: dict[str, Piece]


class Comparison(BaseModel):
    """All rounds of a run; with a single side, that is the baseline."""

    model_config = ConfigDict(frozen=True)

    baseline: str
    narrow: float
    """Half of the interval's width that ends a run: 0.03 is ±3 %."""
    warmups: int
    least: int
    """Undisturbed rounds that a ratio needs."""
    seconds: float
    """That the run took."""
    rounds: list[Round]

    @property
    def counted(self) -> list[Round]:
        """The rounds after warming up."""
        return self.rounds[self.warmups :]

    @property
    def sides(self) -> list[str]:
        return list(self.rounds[0].pieces)

    @property
    def others(self) -> list[str]:
        """The sides that are compared with the baseline."""
        return [side for side in self.sides if side != self.baseline]

    @cached_property
    def parts(self) -> list[str]:
        """Every kind of rate that some side gives."""
        return list(dict.fromkeys(part for piece in self._pieces() for part in piece.rates))

    @property
    def watched(self) -> bool:
        """Whether this system tells what other processes do."""
        return all(piece.weather.others is not None for piece in self._pieces())

    @cached_property
    def disturbed(self) -> dict[tuple[int, str], str]:
        """Why the piece of a counted round and a side does not count."""
        if not self.counted:
            return {}
        usual = typical(piece.weather for piece in self._pieces())
        return {
            (each.number, side): reason
            for each in self.counted
            for side, piece in each.pieces.items()
            if (reason := disturbance(piece.weather, usual))
        }

    def measures(self, side: str, part: str) -> bool:
        """Whether the side gives this rate."""
        return any(part in each.pieces[side].rates for each in self.rounds)

    def rate(self, side: str, part: str) -> Estimate | None:
        """Over the side's own undisturbed rounds."""
        return estimate(each.pieces[side].rates[part] for each in self._good((side,), part))

    def ratio(self, side: str, part: str, of: Callable[[Piece], float] = lambda _: 1.0) -> Estimate | None:
        """Of the side's rate to the baseline's; `None` when refused or not measured.

        With `of`, as a share of the ratio that could be reached at best in the side's piece.
        """
        return None if self.refusal(side) else self._ratio(side, part, of)

    def over_rounds(self, side: str, value: Callable[[Piece], float]) -> Estimate | None:
        """Any other value of the side's undisturbed pieces: a share of the matrix rate, say."""
        return estimate(value(each.pieces[side]) for each in self._good((side,)))

    def beside(self, baseline: str) -> Comparison:
        """The same rounds, compared with another side."""
        return self.model_copy(update={"baseline": baseline})

    def refusal(self, side: str) -> str | None:
        """Why this run tells nothing about a side beside the baseline; `None` when it does."""
        pair, total = (self.baseline, side), len(self.counted)
        good = len(self._good(pair))
        if good >= max(self.least, total / 2):
            return None
        pieces = [(each, one) for each in self.counted for one in pair]
        bad = [(each, one) for each, one in pieces if (each.number, one) in self.disturbed]
        if not bad:
            return f"only {total} rounds, {self.least} are needed: give it more time"
        worst, one = max(bad, key=lambda where: where[0].pieces[where[1]].weather.others or 0)
        return f"{total - good} of {total} rounds were disturbed: {self.disturbed[worst.number, one]}"

    def deciding(self) -> dict[tuple[str, str], Estimate | None]:
        """What has to be narrow, by side and part: every ratio, or every rate of a side alone."""
        if not self.others:
            return {(self.baseline, part): self.rate(self.baseline, part) for part in self.parts}
        return {
            (side, part): self._ratio(side, part) for side in self.others for part in self._shared(side)
        }

    def settled(self) -> bool:
        """Whether all of that is as narrow as wanted."""
        return len(self.counted) >= self.least and all(
            each and each.rounds >= self.least and each.half_width <= self.narrow
            for each in self.deciding().values()
        )

    def report(self) -> dict[str, Any]:
        """Everything for a result file: numbers, refusals, and all rounds so that a reader can check."""
        rates = {
            part: {side: self.rate(side, part) for side in self.sides if self.measures(side, part)}
            for part in self.parts
        }
        ratios = {
            part: {side: self.ratio(side, part) for side in self.others if part in self._shared(side)}
            for part in self.parts
        }
        return {
            **self.model_dump(mode="json", exclude={"rounds"}),
            "watched": self.watched,
            "rates": _plain(rates),
            "ratios": _plain(ratios),
            "refused": {side: reason for side in self.sides if (reason := self.refusal(side))},
            "disturbed": [[*where, reason] for where, reason in self.disturbed.items()],
            "rounds": [each.model_dump(mode="json") for each in self.rounds],
        }

    @classmethod
    def read(cls, report: Mapping[str, Any]) -> Comparison:
        """The comparison that a report was made of."""
        return cls.model_validate({name: report[name] for name in cls.model_fields})

    def _shared(self, side: str) -> list[str]:
        """Parts that the side and the baseline both measure."""
        return [
            part for part in self.parts if self.measures(side, part) and self.measures(self.baseline, part)
        ]

    def _ratio(self, side: str, part: str, of: Callable[[Piece], float] = lambda _: 1.0) -> Estimate | None:
        rounds = [each.pieces for each in self._good((self.baseline, side), part)]
        return estimate(
            each[side].rates[part] / each[self.baseline].rates[part] / of(each[side]) for each in rounds
        )

    def _good(self, sides: tuple[str, ...], part: str | None = None) -> list[Round]:
        """Counted rounds in which none of these sides was disturbed, and all gave this rate."""
        return [
            each
            for each in self.counted
            if not any((each.number, side) in self.disturbed for side in sides)
            and all(part is None or part in each.pieces[side].rates for side in sides)
        ]

    def _pieces(self) -> Iterator[Piece]:
        """Of the rounds that count, of all before there are any."""
        return (piece for each in self.counted or self.rounds for piece in each.pieces.values())


def _plain(table: Mapping[str, Mapping[str, Estimate | None]]) -> dict[str, Any]:
    return {
        part: {side: value and value.model_dump(mode="json") for side, value in row.items()}
        for part, row in table.items()
    }
