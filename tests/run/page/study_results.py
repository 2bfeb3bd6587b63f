"""Results of a study as its stages would have left them, made up."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from trajectune.curate.funnel import Funnel, FunnelRow
from trajectune.evaluate.contract import Item, Measurement, SystemIdentity
from trajectune.evaluate.intervals import Interval
from trajectune.evaluate.items import ITEMS, write_items
from trajectune.run.directory import RunDirectory
from trajectune.run.recipe import check_recipe
from trajectune.run.stage import Result
from trajectune.run.stages.curate import Curated
from trajectune.run.study import Study
from trajectune.storage import JsonlWriter, write_json
from trajectune.tune.metrics import SourceMetrics, StepMetrics


def study(section: Mapping[str, Any] | None, **recipe: Any) -> Study:
    data: dict[str, Any] = {"name": "x", "model": "tiny", "environments": {"database": {"evaluate": 4}}}
    data |= {"study": section, **recipe}
    return Study(check_recipe(data, where="a test"), print)


def measure(folder: Path, scores: Sequence[float]) -> None:
    """A measurement of the suite `database`."""
    suite, value = folder / "database", sum(scores) / len(scores)
    measurement = Measurement(
        suite="database",
        group="held-in",
        system=SystemIdentity(name="as stored", model="m"),
        headline="success",
        metrics={"success": Interval(value=value, low=value, high=value)},
        items=write_items(suite / ITEMS, [Item(task=str(n), score=s) for n, s in enumerate(scores)]),
    )
    write_json(suite / "measurement.json", measurement.model_dump(mode="json"))


def curate(folder: Path, kept: int) -> None:
    """What the stage `curate` left of eight episodes and six general rows."""
    rejected = {"below the reward threshold": 8 - kept}
    row = FunnelRow(source="database", tasks=8, episodes=8, kept=kept, rejected=rejected, turns=2.0)
    Funnel(rows=[row]).save(folder / "funnel.json")
    counts = {"rows": float(kept), "tokens": 10.0 * kept, "trained_tokens": 4.0 * kept}
    sources = {"database": counts, "chat": {"rows": 6.0, "tokens": 60.0, "trained_tokens": 30.0}}
    shares = {"database": 0.5, "chat": 0.5}
    curated = Curated(shares=shares, sources=sources, validation=2, rejected={"chat": 3})
    write_json(folder / "mixture.json", curated.model_dump(mode="json"))


def tune(folder: Path, losses: Sequence[float]) -> None:
    """A log of steps; only the first one has seen `chat`."""
    with JsonlWriter(folder / "metrics.jsonl") as log:
        for number, loss in enumerate(losses, 1):
            names = ("database", "chat") if number == 1 else ("database",)
            sources = {name: SourceMetrics(rows=1, tokens=9, trained_tokens=3, loss=loss) for name in names}
            rest: dict[str, Any] = {"learning_rate": 0.1, "gradient_norm": 1.0, "seconds": 1.0, "packs": 1}
            counts = dict.fromkeys(("rows", "tokens", "unique_tokens", "trained_tokens"), 1)
            log.write(StepMetrics(step=number, loss=loss, sources=sources, **counts, **rest))


def make(home: RunDirectory, found: Study, results: Callable[[Result], float]) -> None:
    """Make every result of the study but the page, by a number between 0 and 1 for each."""
    home.store(found.recipe)
    for result in found.until("report")[:-1]:
        number, name = results(result), result.stage.name
        with home.making(result) as folder:
            if name == "curate":
                curate(folder, round(8 * number))
            elif name == "tune":
                tune(folder, [2 * number, number])
            elif name.startswith("evaluate/"):
                measure(folder, [float(n < 4 * number) for n in range(4)])
