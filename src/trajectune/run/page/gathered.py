"""Sample trajectories of the data: what the stages `collect` and `curate` left, whatever came later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from trajectune.report.sections.samples import Sample, choose_gathered
from trajectune.run.recipe import Recipe
from trajectune.storage import read_records
from trajectune.trajectory import Trajectory


def gathered_samples(recipe: Recipe, collect: Path, curate: Path, before: str = "") -> Iterator[Sample]:
    """Samples of each environment that trajectories were collected in; `before` is put before its name.

    `collect` and `curate` are the folders of the two results; an environment whose files are not there has
    none.
    """
    for key, spec in recipe.environments.items():
        played, kept = collect / f"{key}.jsonl", curate / f"{key}.kept.jsonl"
        if spec.collect and played.exists() and kept.exists():
            ids = {each.id for each in read_records(kept, Trajectory)}
            yield from choose_gathered(before + key, read_records(played, Trajectory), ids)
