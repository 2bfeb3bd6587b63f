"""What a run came to, for a terminal."""

from __future__ import annotations

from pathlib import Path

from trajectune.curate.funnel import Funnel
from trajectune.evaluate.run import read_measurements
from trajectune.report.contents import Entry
from trajectune.report.sections.collected import collected_table
from trajectune.report.sections.funnel import funnel_table
from trajectune.report.sections.instructions import instructions_table
from trajectune.report.sections.summary import measurement_table
from trajectune.run.directory import RunDirectory
from trajectune.run.display import Display
from trajectune.run.stages import instructions
from trajectune.run.stages.collect import collected
from trajectune.run.stages.curate import read_curated
from trajectune.run.study import REPORT, Study


def show_summary(home: RunDirectory, study: Study, until: str, display: Display) -> None:
    """What the last stage left: the funnel, the model's folder, or tables and the page."""
    if until in (instructions.NAME, "collect"):
        _show_instructions(home, study, display)
    if until == "collect":
        for arm in study.arms:
            if found := collected(arm.recipe, home.folder(arm.results["collect"])):
                display.show(collected_table(found))
    elif until == "curate" or study.recipe.data_only:
        for arm in study.arms:
            funnel = Funnel.load(home.folder(arm.results["curate"]) / "funnel.json")
            if funnel.rows:
                display.show(funnel_table(funnel))
    elif until == "tune":
        for arm in study.arms:
            display.title("tuned model", str(_shown(home, f"{arm.folder}tune") / "model"))
    elif until in ("evaluate", REPORT):
        display.show(
            measurement_table(
                [
                    Entry(system=row.system, seed=row.seed, measurement=each)
                    for row in study.rows
                    for each in read_measurements(home.folder(row.result))
                ]
            )
        )
    if until not in (instructions.NAME, "collect", "general", "base"):
        _warn(home, study, display)
    if until == REPORT:
        display.title("report", str(_shown(home, REPORT) / "index.html"))


def _show_instructions(home: RunDirectory, study: Study, display: Display) -> None:
    """How tasks were made, where a recipe asked for that; arms that share them show them once."""
    results = {
        arm.results[instructions.NAME].fingerprint: arm
        for arm in study.arms
        if instructions.asked(arm.recipe)
    }
    for arm in results.values():
        found = instructions.constructed(arm.recipe, home.folder(arm.results[instructions.NAME]))
        display.show(instructions_table(found))


def _warn(home: RunDirectory, study: Study, display: Display) -> None:
    """What the data lost."""
    folders = {home.folder(arm.results["curate"]) for arm in study.arms}
    for folder in sorted(each for each in folders if (each / "mixture.json").exists()):
        for warning in read_curated(folder).warnings:
            display.warn(warning)


def _shown(home: RunDirectory, name: str) -> Path:
    """The path that people use, relative to where they are if it is below."""
    here, path = Path.cwd(), home.path / name
    return path.relative_to(here) if path.is_relative_to(here) else path
