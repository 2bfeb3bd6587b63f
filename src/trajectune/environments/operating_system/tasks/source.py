"""AgentBench's OS tasks from a file, each tried on this machine before it is used.

Invariants: rows in = tasks + rejected, each rejected one with its number and reason. What a trial found is
kept in the cache, under a key that holds the rows, the limits and what a box is made of; a task that was
only too slow is tried again the next time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from trajectune.environments.contract import Split, Task
from trajectune.environments.operating_system.expert.reading import thoughts
from trajectune.environments.operating_system.sandbox.identity import draw
from trajectune.environments.operating_system.sandbox.inside import root
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.environments.operating_system.sandbox.requirement import require_sandbox
from trajectune.environments.operating_system.tasks.problem import Problem, Stage
from trajectune.environments.operating_system.tasks.replay import REASONS, DoesNotHoldError, replayed
from trajectune.environments.operating_system.tasks.rows import Row, read_row
from trajectune.errors import DataError
from trajectune.progress import announce, told
from trajectune.storage import Rejected, cache_dir, filling, read_json, write_json

AT_ONCE = min(4, os.cpu_count() or 1)
"""Tasks that are tried at the same time."""
SLOW = REASONS[5]
Found = dict[str, Any]
"""What a trial found: `answer` and `script`, or `reason`."""


class FileSource:
    """Tasks read from a file; all of them are in one split. Tried when they are first asked for."""

    def __init__(self, path: Path, split: Split, limits: Limits, scripts: Path | None = None) -> None:
        self.path = path
        self.split: Split = split
        self._limits = limits
        self._unread: list[Rejected] = []
        self._rows = _read(path, scripts, self._unread)
        self._problems: dict[str, Problem] | None = None
        self._failed: list[Rejected] = []

    @property
    def rejected(self) -> Sequence[Rejected]:
        """Rows that cannot be used, and those whose gold does not hold here; `line` counts rows from 1."""
        self._tried()
        return sorted([*self._unread, *self._failed], key=lambda row: row.line)

    def tasks(self, split: Split) -> list[Task]:
        """The tasks whose gold holds, in the order of the file."""
        if split != self.split:
            return []
        return [Task(id, split, problem.kind, {"id": id}) for id, problem in self._tried().items()]

    def problem(self, task: Task) -> Problem:
        """The problem of a task of `tasks`."""
        return self._tried()[task.id]

    def _tried(self) -> dict[str, Problem]:
        if self._problems is None:
            found = self._trials()
            self._problems = {}
            for number, row in self._rows.items():
                trial = found[str(number)]
                if "reason" in trial:
                    self._failed.append(Rejected(number, trial["reason"]))
                else:
                    self._problems[f"agentbench-{self.path.stem}-{number}"] = _problem(row, trial)
        return self._problems

    def _trials(self) -> dict[str, Found]:
        file = cache_dir() / "operating_system" / f"{self._key()}.json"
        known: dict[str, Found] = read_json(file) if file.is_file() else {}
        left = {number: row for number, row in self._rows.items() if str(number) not in known}
        if left:
            trials = _try_all(left, require_sandbox(), self._limits)
            try:
                what = f"trying the solutions of {self.path.name}"
                for number, trial in told(trials, what, len(left), announce):
                    known[str(number)] = trial
            finally:  # what was found before Ctrl-C is kept
                with filling(file):
                    write_json(file, {number: trial for number, trial in known.items() if not _slow(trial)})
        return known

    def _key(self) -> str:
        """What the result of the trials follows from."""
        identity = draw()
        parts = [
            {str(number): asdict(row) for number, row in self._rows.items()},
            asdict(self._limits),
            [root.FILES, root.BOUND, sorted(root.alternatives())],
            [identity.way, identity.count, sorted(p.name for p in Path("/usr/bin").iterdir())],
        ]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:24]


def _read(path: Path, scripts: Path | None, rejected: list[Rejected]) -> dict[int, Row]:
    """All rows that can be read, by their number."""
    values = read_json(path)
    if not isinstance(values, list):
        raise DataError(
            "Not a list of tasks.", where=str(path), remedy="give a file of AgentBench's os_interaction"
        )
    rows = {}
    for number, value in enumerate(values, 1):
        try:
            rows[number] = read_row(value, scripts)
        except ValueError as error:
            rejected.append(Rejected(number, str(error)))
    if not rows:
        raise DataError(
            "No task could be read.",
            where=f"{path}: {rejected[0].reason if rejected else 'an empty list'}",
            remedy="give a file of AgentBench's os_interaction (description, create, evaluation)",
        )
    return rows


def _try_all(rows: Mapping[int, Row], program: str, limits: Limits) -> Iterator[tuple[int, Found]]:
    """What the trials of these rows find, in their order, some at the same time."""
    threads = ThreadPoolExecutor(AT_ONCE)
    try:
        found = threads.map(lambda row: _try(row, program, limits), rows.values())
        yield from zip(rows, found, strict=True)
    finally:
        threads.shutdown(cancel_futures=True)


def _try(row: Row, program: str, limits: Limits) -> Found:
    try:
        problem = replayed(row, program, limits)
    except DoesNotHoldError as error:
        return {"reason": str(error)}
    return {"answer": problem.answer, "script": problem.stages[0].script if problem.stages else ""}


def _problem(row: Row, trial: Found) -> Problem:
    script = trial["script"]
    stages = (Stage(script, thoughts(script)),) if script else ()
    return replace(row.problem, answer=trial["answer"], stages=stages)


def _slow(trial: Found) -> bool:
    return trial.get("reason", "").startswith(SLOW)
