"""From the folders of a run to the record that the report shows."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from trajectune.curate.funnel import Funnel
from trajectune.evaluate.agent import compare, read_trajectories
from trajectune.evaluate.general import GeneralScores
from trajectune.evaluate.results import AgentResult, Curve, FunnelRow, MixtureRow, Results, StageTime
from trajectune.report.samples import Sample, choose_samples
from trajectune.run.environments import BoundEnvironment, bound_environments
from trajectune.run.measure import read_scores
from trajectune.run.mixing import read_curated
from trajectune.storage import read_json
from trajectune.trajectory import Trajectory
from trajectune.tune.metrics import read_metrics

if TYPE_CHECKING:
    from trajectune.run.run import Run

PACKAGES = ("trajectune", "torch", "transformers", "tokenizers", "peft", "numpy")
"""Packages whose versions decide what a run gives."""


def gather_results(run: Run) -> Results:
    """Everything that the stages of a run left, as one record."""
    recipe = run.recipe
    return Results(
        name=recipe.name,
        model=recipe.model,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        seed=recipe.seed,
        funnel=_funnel(run),
        mixture=_mixture(run),
        curves=_curves(run),
        agents=[_agent(run, bound) for bound in bound_environments(recipe) if bound.spec.evaluate],
        general_before=_general(run.folder("before")),
        general_after=_general(run.folder("after")),
        stages=list(_stages(run)),
        settings=recipe.model_dump(mode="json"),
        hardware=hardware(),
        versions=versions(),
        commit=commit(),
        files=_files(run),
    )


def gather_samples(run: Run) -> list[Sample]:
    """Tasks to show side by side, before and after."""
    before = [t for bound in _evaluated(run) for t in _played(run, "before", bound)]
    after = [t for bound in _evaluated(run) for t in _played(run, "after", bound)]
    return choose_samples(before, after)


def hardware() -> dict[str, str]:
    """What the run was made on."""
    found = {"processor": _processor(), "cores": str(os.cpu_count()), "system": platform.platform()}
    if torch.cuda.is_available():
        found["gpu"] = f"{torch.cuda.device_count()} × {torch.cuda.get_device_name()}"
    return found


def versions() -> dict[str, str]:
    """Versions of Python and of what matters in it."""
    return {
        "python": platform.python_version(),
        **{name: importlib.metadata.version(name) for name in PACKAGES},
    }


def commit() -> str:
    """Commit of the checkout that trajectune runs from, `-dirty` when changed; empty without one."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _evaluated(run: Run) -> list[BoundEnvironment]:
    return [bound for bound in bound_environments(run.recipe) if bound.spec.evaluate]


def _played(run: Run, stage: str, bound: BoundEnvironment) -> list[Trajectory]:
    path = run.folder(stage) / f"{bound.key}.jsonl"
    played = read_trajectories(path) if path.exists() else []
    return [trajectory.model_copy(update={"environment": bound.key}) for trajectory in played]


def _agent(run: Run, bound: BoundEnvironment) -> AgentResult:
    before, after = (read_scores(run.folder(stage)).get(bound.key) for stage in ("before", "after"))
    compared = compare(_played(run, "before", bound), _played(run, "after", bound), bound.threshold)
    held_in = bound.spec.collect > 0
    return AgentResult(
        environment=bound.key,
        group="held-in" if held_in else "held-out",
        before=before,
        after=after,
        comparison=compared,
        note=bound.environment.note,
    )


def _general(folder: Path) -> GeneralScores | None:
    path = folder / "general.json"
    return GeneralScores.model_validate(read_json(path)) if path.exists() else None


def _funnel(run: Run) -> list[FunnelRow]:
    funnel = Funnel.model_validate(read_json(run.folder("collect") / "funnel.json"))
    return [
        FunnelRow(
            source=row.environment,
            tasks=row.tasks,
            episodes=row.episodes - row.errors,
            passed=row.episodes - row.errors - row.failures,
            kept=row.kept,
            turns=row.turns if row.kept else None,
            infrastructure_errors=row.errors,
        )
        for row in funnel.rows
    ]


def _mixture(run: Run) -> list[MixtureRow]:
    curated = read_curated(run.folder("curate"))
    return [
        MixtureRow(
            source=source,
            role="general" if source in run.recipe.curate.general else "agent",
            rows=int(counts["rows"]),
            tokens=int(counts["tokens"]),
            trained_tokens=int(counts["trained_tokens"]),
            share=curated.shares[source],
            set_aside=curated.set_aside.get(source, 0),
            shortened=curated.shortened.get(source, 0),
        )
        for source, counts in curated.sources.items()
    ]


def _curves(run: Run) -> list[Curve]:
    steps = read_metrics(run.folder("tune"))
    sources = sorted({source for step in steps for source in step.sources})
    return [
        Curve(
            source=source,
            steps=[step.step for step in steps if source in step.sources],
            losses=[step.sources[source].loss for step in steps if source in step.sources],
        )
        for source in sources
    ]


def _stages(run: Run) -> Iterator[StageTime]:
    from trajectune.run.run import STAGES

    for stage in STAGES:
        if run.where(stage).is_done(stage):
            yield StageTime(stage=stage, seconds=run.where(stage).seconds(stage))


def _files(run: Run) -> dict[str, str]:
    here = {
        "recipe": run.home.path / "recipe.yaml",
        "trajectories": run.folder("collect"),
        "training data": run.folder("curate"),
        "tuned model": run.folder("tune") / "model",
        "metrics": run.folder("tune") / "metrics.jsonl",
        "episodes before": run.folder("before"),
        "episodes after": run.folder("after"),
    }
    return {name: os.path.relpath(path, run.home.path) for name, path in here.items()}


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8", errors="replace").splitlines() if info.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()
