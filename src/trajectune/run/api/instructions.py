"""Instruction construction: `derive` takes questions with gold SQL, `invent` lets a model write."""

from __future__ import annotations

from pathlib import Path

from trajectune.agents.contract import Agent
from trajectune.errors import RecipeError, suggestion
from trajectune.instructions.derive import derive as derived
from trajectune.instructions.invent import invent as invented
from trajectune.instructions.kinds.contract import Kind
from trajectune.instructions.kinds.database import DatabaseKind
from trajectune.instructions.kinds.operating_system import OperatingSystemKind
from trajectune.instructions.outcome import Constructed
from trajectune.progress import OnProgress
from trajectune.run.display import shown
from trajectune.storage import locked

KINDS = {"database": DatabaseKind, "operating_system": OperatingSystemKind}


def derive(
    questions: str | Path,
    databases: str | Path,
    *,
    to: str | Path,
    tasks: int | None = None,
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Constructed:
    """Database tasks from a set of questions (AgentTuning's task derivation), each tried.

    `made = derive("questions.json", "dbs.sqlite", to="derived")`, and then
    `environment(made.environment, made.options)`. `questions` is BIRD's or Spider's JSON, `databases` an
    SQLite file, a MySQL dump or a folder of databases. `tasks` are drawn, seeded; `None` takes all. Raises
    `DataError`.
    """
    folder = Path(to)
    with locked(folder), shown(on_progress) as tell:
        return derived(Path(questions), Path(databases), folder, tasks=tasks, seed=seed, on_progress=tell)


def invent(
    environment: str,
    teacher: Agent,
    *,
    to: str | Path,
    tasks: int,
    requests: int | None = None,
    seeds: str | Path = "",
    seed: int = 0,
    on_progress: OnProgress | None = None,
) -> Constructed:
    """Tasks that a model writes (Self-Instruct), each run before it is believed.

    `invent("operating_system", Endpoint(url, model, temperature=0.8), to="invented", tasks=200)`.
    `environment` is `database` or `operating_system`; `seeds` a file of AgentBench's tasks to draw examples
    from. It stops at `tasks` accepted ones, or after `requests` (four for each task, if not given); the
    same call goes on. Raises `TrajectuneError`.
    """
    folder = Path(to)
    kind = kind_of(environment, seeds)
    most = 4 * tasks if requests is None else requests
    with locked(folder), shown(on_progress) as tell:
        return invented(kind, teacher, folder, tasks=tasks, requests=most, seed=seed, on_progress=tell)


def kind_of(environment: str, seeds: str | Path = "") -> Kind:
    """What writes tasks for an environment. Raises `RecipeError` for one that has no such way."""
    if environment not in KINDS:
        raise RecipeError(
            f"no tasks can be written for the environment {environment!r}",
            remedy=f"{suggestion(environment, KINDS)}use one of: {', '.join(KINDS)}",
        )
    return KINDS[environment](Path(seeds) if seeds else None)
