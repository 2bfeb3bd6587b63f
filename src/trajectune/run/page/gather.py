"""The stage `report`: from the results of a study to the page that shows them.

The idea: everything on the page is a list over arms or systems; a plain run has one arm and two systems.
Rows of several arms carry the arm's name where the arms differ, and none where they share the result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from trajectune.curate.funnel import Funnel
from trajectune.report.contents import (
    Entry,
    FunnelRow,
    InstructionsRow,
    LossCurve,
    MixtureRow,
    Page,
    StageTime,
)
from trajectune.report.page import write_page
from trajectune.report.sections.instructions import WAYS, rejected
from trajectune.report.sections.provenance import commit, hardware, versions
from trajectune.report.sections.samples import Sample
from trajectune.run.api.measuring import samples_of
from trajectune.run.directory import seconds_of
from trajectune.run.page.comparing import Measured, changes, curves, gaps
from trajectune.run.page.gathered import gathered_samples
from trajectune.run.stage import Result, Work, in_order
from trajectune.run.stages import instructions
from trajectune.run.stages.curate import read_curated
from trajectune.run.study import Arm, Study
from trajectune.tune.metrics import read_metrics

Named = tuple[str, Arm, Path]
"""What to put before a row's name, an arm, and the folder of its result."""


def write_report(work: Work, study: Study) -> None:
    """Gather what the stages left, and write `index.html` and `page.json`."""
    measured = Measured(study, work.where)
    samples = samples_of(measured.first_seeds())
    write_page(gather(work, study, measured), samples, work.folder, list(_gathered(work, study)))


def gather(work: Work, study: Study, measured: Measured) -> Page:
    """Everything that the page shows."""
    recipe = work.recipe
    return Page(
        title=recipe.name,
        model=recipe.source_model,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        entries=[
            Entry(system=row.system, seed=row.seed, measurement=each)
            for row in study.rows
            for each in measured.of(row).measurements
        ],
        changes=changes(measured),
        gaps=gaps(measured),
        references=recipe.evaluate.references,
        curves=curves(measured),
        instructions=[
            row
            for named in _different(study, work.where, instructions.NAME)
            for row in _instructions(named)
        ],
        funnel=[row for named in _different(study, work.where, "curate") for row in _funnel(named)],
        mixture=[row for named in _different(study, work.where, "curate") for row in _mixture(named)],
        warnings=[row for named in _different(study, work.where, "curate") for row in _warnings(named)],
        losses=[row for named in _different(study, work.where, "tune") for row in _losses(named)],
        stages=list(_times(work, study)),
        settings=recipe.model_dump(mode="json"),
        hardware=hardware(),
        versions=versions(),
        commit=commit(),
        files=_files(study),
    )


def _different(study: Study, where: Callable[[Result], Path], stage: str) -> list[Named]:
    """The results of a stage that differ, each named after its arm unless all arms share one."""
    found: dict[str, Arm] = {}
    for arm in study.arms:
        if stage in arm.results:  # a recipe for data alone tunes nothing
            found.setdefault(arm.results[stage].fingerprint, arm)
    seeds = len({arm.seed for arm in found.values()}) > 1
    return [
        (_prefix(arm, seeds) if len(found) > 1 else "", arm, where(arm.results[stage]))
        for arm in found.values()
    ]


def _gathered(work: Work, study: Study) -> Iterator[Sample]:
    for before, arm, curate in _different(study, work.where, "curate"):
        yield from gathered_samples(arm.recipe, work.where(arm.results["collect"]), curate, before)


def _prefix(arm: Arm, seeds: bool) -> str:
    return f"{arm.name}, seed {arm.seed}: " if seeds else f"{arm.name}: "


def _instructions(named: Named) -> Iterator[InstructionsRow]:
    prefix, arm, folder = named
    for key, row in instructions.constructed(arm.recipe, folder).items():
        yield InstructionsRow(
            source=prefix + key,
            way=WAYS[row.way],
            teacher=row.teacher,
            asked=row.asked,
            written=row.written,
            accepted=row.accepted,
            rejected=rejected(row),
        )


def _funnel(named: Named) -> Iterator[FunnelRow]:
    prefix, _, folder = named
    for row in Funnel.load(folder / "funnel.json").rows:
        yield FunnelRow(
            source=prefix + row.source,
            environment=row.environment,
            tasks=row.tasks,
            episodes=row.episodes - row.infrastructure_errors,
            passed=row.passed,
            kept=row.kept,
            turns=row.turns,
            infrastructure_errors=row.infrastructure_errors,
            rejected=row.rejected,
        )


def _mixture(named: Named) -> Iterator[MixtureRow]:
    prefix, arm, folder = named
    curated = read_curated(folder)
    for source, counts in curated.sources.items():
        yield MixtureRow(
            source=prefix + source,
            role="general" if source in arm.recipe.curate.general else "agent",
            rows=int(counts["rows"]),
            tokens=int(counts["tokens"]),
            trained_tokens=int(counts["trained_tokens"]),
            share=curated.shares[source],
            rejected=curated.rejected.get(source, 0),
            shortened=curated.shortened.get(source, 0),
        )


def _warnings(named: Named) -> list[str]:
    prefix, _, folder = named
    return [prefix + warning for warning in read_curated(folder).warnings]


def _losses(named: Named) -> Iterator[LossCurve]:
    prefix, _, folder = named
    steps = read_metrics(folder)
    for source in sorted({source for step in steps for source in step.sources}):
        own = [step for step in steps if source in step.sources]
        losses = [step.sources[source].loss for step in own]
        yield LossCurve(name=prefix + source, steps=[step.step for step in own], losses=losses)


def _times(work: Work, study: Study) -> Iterator[StageTime]:
    """What each result took, under the first name that stands for it."""
    results: Sequence[Result] = in_order(work.result.needs.values())
    for result in results:
        name = study.names(result)[0].removeprefix("arms/")
        yield StageTime(stage=name, seconds=seconds_of(work.where(result)))


def _files(study: Study) -> dict[str, str]:
    """Paths relative to the run directory."""
    found = {"recipe": "recipe.yaml"}
    shown = {
        "trajectories": "collect",
        "training data": "curate",
        "tuned model": "tune/model",
        "metrics": "tune/metrics.jsonl",
    }
    for arm in study.arms:
        before = f"{arm.name}-{arm.seed}: " if arm.name else ""
        made = {name: path for name, path in shown.items() if path.partition("/")[0] in arm.results}
        found |= {before + name: arm.folder + path for name, path in made.items()}
    return found | {f"{row.system}-{row.seed}": name for row, name in study.row_links()}
