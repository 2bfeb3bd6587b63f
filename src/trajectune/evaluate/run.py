"""Measure a system with suites: one folder each, done once, gone on with after a crash.

The idea: `FOLDER/<suite>/` holds `asked.json` (who is measured, with what settings and seed), whatever the
suite leaves (items, episodes) and at last `measurement.json`. Invariants: a folder is gone on with only for
the system, settings and seed that it was begun with; what was done is read back; what was skipped or failed
is tried again. A suite that cannot run here is skipped and one that breaks is failed, each with the reason,
and the others go on; what a user must mend is raised.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import JsonValue

from trajectune.errors import DataError, ModelError, RecipeError, TrajectuneError
from trajectune.evaluate.contract import Measurement, Status, Suite, System
from trajectune.progress import OnProgress, silent
from trajectune.storage import read_json, read_record, write_json

MEASUREMENT, ASKED = "measurement.json", "asked.json"


def evaluate(
    system: System,
    suites: Sequence[Suite],
    folder: Path,
    *,
    seed: int = 0,
    on_progress: OnProgress = silent,
) -> list[Measurement]:
    """Measure `system` with each suite, in order; see the top of this file for what is left in `folder`.

    Raises `TrajectuneError` for what a user must mend, a folder of another measurement among it.
    """
    _check_names(suites)
    return [_measured(system, suite, folder / suite.name, seed, on_progress) for suite in suites]


def read_measurements(folder: Path) -> list[Measurement]:
    """The measurements below `folder`, by name of suite; a missing folder has none. Raises `DataError`."""
    return [read_measurement(path.parent) for path in sorted(folder.glob(f"*/{MEASUREMENT}"))]


def read_measurement(folder: Path) -> Measurement:
    """The measurement in one suite's folder. Raises `DataError`."""
    return read_record(
        folder / MEASUREMENT, Measurement, "a measurement", "delete its folder and measure again"
    )


def _measured(
    system: System, suite: Suite, folder: Path, seed: int, on_progress: OnProgress
) -> Measurement:
    _claim(folder, system, suite, seed)
    if (folder / MEASUREMENT).exists() and (done := read_measurement(folder)).status == "done":
        return done
    started = time.perf_counter()
    measurement = _attempt(system, suite, folder, seed, on_progress)
    measurement = measurement.model_copy(update={"seconds": time.perf_counter() - started})
    write_json(folder / MEASUREMENT, measurement.model_dump(mode="json"))
    return measurement


def _attempt(system: System, suite: Suite, folder: Path, seed: int, on_progress: OnProgress) -> Measurement:
    if reason := suite.unmet() or _unable(system, suite):
        return _without(system, suite, "skipped", reason)
    try:
        return suite.measure(system, folder, seed, on_progress)
    except TrajectuneError:
        raise
    except Exception as error:  # a suite may be anyone's code; one that breaks does not stop the others
        return _without(system, suite, "failed", f"{type(error).__name__}: {error}")


def _unable(system: System, suite: Suite) -> str:
    """What the suite needs and the system cannot give, in words."""
    if "likelihoods" not in suite.needs:
        return ""
    try:
        system.scorer  # noqa: B018 - made now, to see whether it can be
    except ModelError as error:
        return error.what
    return ""


def _without(system: System, suite: Suite, status: Status, reason: str) -> Measurement:
    return Measurement(
        suite=suite.name, group=suite.group, system=system.identity, status=status, reason=reason
    )


def _claim(folder: Path, system: System, suite: Suite, seed: int) -> None:
    """Say what the folder is for, or make sure that it is for this. Raises `DataError`."""
    asked = {"system": _system(system), "settings": suite.settings(), "seed": seed}
    path = folder / ASKED
    if not path.exists():
        write_json(path, asked)
        return
    if unlike := _unlike(read_json(path), asked):
        raise DataError(
            f"the folder holds a measurement of something else: {', '.join(unlike)} differ",
            where=str(folder),
            remedy="name another folder, or delete this one to measure again",
        )


def _system(system: System) -> dict[str, JsonValue]:
    """What of a system its numbers follow from, and its name, which episodes hold; no paths."""
    who = system.identity.model_dump(mode="json", include={"name", "weights", "template", "dialect"})
    return {**who, "max_new_tokens": system.max_new_tokens, "max_context": system.max_context}


def _unlike(old: Any, new: dict[str, Any]) -> list[str]:
    """Keys in which what was asked differs."""
    if not isinstance(old, dict):
        return ["all keys"]
    found = ["seed"] if old.get("seed") != new["seed"] else []
    for part in ("system", "settings"):
        before, now = old.get(part) or {}, new[part]
        found += [f"{part}.{key}" for key in {**before, **now} if before.get(key) != now.get(key)]
    return found


def _check_names(suites: Sequence[Suite]) -> None:
    """Names become folders and rows of tables. Raises `RecipeError`."""
    names = [suite.name for suite in suites]
    for name in names:
        if names.count(name) > 1:
            raise RecipeError(f"two suites are called {name!r}", remedy="give one of them another key")
        if not name or name.startswith(".") or Path(name).name != name or "\\" in name:
            raise RecipeError(
                f"a suite cannot be called {name!r}",
                remedy="use a plain name: it becomes a folder and a row of tables",
            )
