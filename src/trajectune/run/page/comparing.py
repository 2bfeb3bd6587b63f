"""The comparisons of a study: its measured systems by name and seed, and what the recipe asks of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from trajectune.evaluate.compare import GapShare, PairedChange, compare, gap_shares
from trajectune.evaluate.contract import Measurement
from trajectune.evaluate.run import read_measurements
from trajectune.report.contents import WeightCurve
from trajectune.run.api.measuring import Evaluated
from trajectune.run.stage import Result
from trajectune.run.study import Row, Study


class Measured:
    """The systems of a study as they were measured."""

    def __init__(self, study: Study, where: Callable[[Result], Path]) -> None:
        self.study = study
        self._where = where

    def of(self, row: Row) -> Evaluated:
        """A row's measurements, under its name: one result may be two systems of a page."""
        folder = self._where(row.result)
        found = [_renamed(each, row.system) for each in read_measurements(folder)]
        return Evaluated(row.system, found, folder)

    def first_seeds(self) -> dict[str, Evaluated]:
        """Each system with the first of its seeds."""
        return {row.system: self.of(row) for row in reversed(self.study.rows)}

    def together(self, *systems: str) -> Iterator[tuple[Evaluated, ...]]:
        """Systems side by side, seed by seed; one that no seed changes goes with all of them."""
        rows = [self.study.rows_of(system) for system in systems]
        several = max(map(len, rows), default=0) > 1
        for seed in dict.fromkeys(row.seed for found in rows for row in found):
            chosen = [_of_seed(found, seed) for found in rows]
            if several:
                yield tuple(self._of_seed(row) for row in chosen)
            else:
                yield tuple(self.of(row) for row in chosen)

    def _of_seed(self, row: Row) -> Evaluated:
        several = len(self.study.rows_of(row.system)) > 1
        name = f"{row.system}, seed {row.seed}" if several else row.system
        found = self.of(row)
        return Evaluated(name, [_renamed(each, name) for each in found.measurements], found.folder)


def changes(measured: Measured) -> list[PairedChange]:
    """What changed between the pairs that are to be compared."""
    seed = measured.study.recipe.seed
    return [
        change
        for pair in measured.study.comparisons.changes
        for old, new in measured.together(*pair)
        for change in compare(old.measurements, new.measurements, old.folder, new.folder, seed)
    ]


def gaps(measured: Measured) -> list[GapShare]:
    """Where systems are between two others."""
    return [
        share
        for gap in measured.study.comparisons.gaps
        for low, middle, high in measured.together(gap.floor, gap.system, gap.ceiling)
        for share in gap_shares(
            low.measurements,
            middle.measurements,
            high.measurements,
            (low.folder, middle.folder, high.folder),
            measured.study.recipe.seed,
        )
    ]


def curves(measured: Measured) -> list[WeightCurve]:
    """Headline metrics over weights, one curve for each suite; of the first seed."""
    found: dict[tuple[str, str], list[tuple[float, Measurement]]] = {}
    for weight, systems in measured.study.comparisons.curves.items():
        for value, system in sorted(systems.items()):
            for each in measured.of(measured.study.rows_of(system)[0]).measurements:
                if each.value is not None:
                    found.setdefault((each.suite, weight), []).append((value, each))
    return [
        WeightCurve(
            suite=suite,
            weight=weight,
            points=[(value, each.value) for value, each in points if each.value is not None],
        )
        for (suite, weight), points in found.items()
    ]


def _of_seed(rows: list[Row], seed: int) -> Row:
    return next((row for row in rows if row.seed == seed), rows[0])


def _renamed(measurement: Measurement, name: str) -> Measurement:
    return measurement.model_copy(update={"system": measurement.system.model_copy(update={"name": name})})
