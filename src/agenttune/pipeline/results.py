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

from agenttune.collect.funnel import Funnel
from agenttune.evaluate.agent import compare, read_trajectories
from agenttune.evaluate.general import GeneralScores
from agenttune.evaluate.results import AgentResult, Curve, FunnelRow, MixtureRow, Results, StageTime
from agenttune.pipeline.measure import read_scores
from agenttune.pipeline.mixing import read_curated
from agenttune.pipeline.worlds import World, worlds
from agenttune.report.samples import Sample, choose_samples
from agenttune.storage import read_json
from agenttune.trajectory import Trajectory
from agenttune.tune.metrics import read_metrics

if TYPE_CHECKING:
    from agenttune.pipeline.run import Run

PACKAGES = ("agenttune", "torch", "transformers", "tokenizers", "peft", "numpy")
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
        agents=[_agent(run, world) for world in worlds(recipe) if world.spec.evaluate],
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
    before = [t for world in _evaluated(run) for t in _played(run, "before", world)]
    after = [t for world in _evaluated(run) for t in _played(run, "after", world)]
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
    """Commit of the checkout that agenttune runs from, `-dirty` when changed; empty without one."""
    here = Path(__file__).parent
    command = ["git", "-C", str(here), "describe", "--always", "--dirty", "--abbrev=12", "--exclude=*"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _evaluated(run: Run) -> list[World]:
    return [world for world in worlds(run.recipe) if world.spec.evaluate]


def _played(run: Run, stage: str, world: World) -> list[Trajectory]:
    path = run.folder(stage) / f"{world.key}.jsonl"
    played = read_trajectories(path) if path.exists() else []
    return [trajectory.model_copy(update={"environment": world.key}) for trajectory in played]


def _agent(run: Run, world: World) -> AgentResult:
    before, after = (read_scores(run.folder(stage)).get(world.key) for stage in ("before", "after"))
    compared = compare(_played(run, "before", world), _played(run, "after", world), world.threshold)
    held_in = world.spec.collect > 0
    return AgentResult(
        environment=world.key,
        group="held-in" if held_in else "held-out",
        before=before,
        after=after,
        comparison=compared,
        note=world.environment.note,
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
            machinery_errors=row.errors,
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
    from agenttune.pipeline.run import STAGES

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
