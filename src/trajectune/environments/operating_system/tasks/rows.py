"""AgentBench's OS tasks as they stand in its files, read into problems.

The idea: a row says how its machine is prepared (`create.init`, `start`) and how it is judged: `match` (a
text or a regular expression), or a list of check scripts, in which `null` stands for the gold script
`example`. The list `[null, one of the five named checks]` is the common case, and compares an answer with
what the gold prints. Scripts that a row names by file are looked for in a folder that the user gives.

Invariant: a row that cannot be used raises `ValueError` with the reason, and nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trajectune.environments.operating_system.tasks.matching import CHECKS
from trajectune.environments.operating_system.tasks.problem import Problem, Script

LANGUAGES = ("bash", "python")
FOLDER = "/"
"""Where AgentBench's shell begins."""


@dataclass(frozen=True, slots=True)
class Row:
    """A problem whose gold answer is not known yet, and the script that prints it."""

    problem: Problem
    example: Script | None


def read_row(row: object, scripts: Path | None) -> Row:
    """One row of a file. Raises `ValueError`."""
    if not isinstance(row, Mapping):
        raise ValueError("not an object")
    question, evaluation = row.get("description"), row.get("evaluation")
    if not isinstance(question, str) or not question.strip() or not isinstance(evaluation, Mapping):
        raise ValueError("description (a text) and evaluation (an object) are needed")
    create = row.get("create")
    init = create.get("init") if isinstance(create, Mapping) else None
    start = _script(row["start"], scripts) if row.get("start") else None
    if start is not None and start.language != "bash":
        raise ValueError(f"start is written in {start.language}; bash is needed")
    given = evaluation.get("example", row.get("example"))
    example = None if given is None else _script(given, scripts)
    problem = Problem(
        question=question,
        kind=_kind(row, evaluation),
        init=tuple(_script(item, scripts) for item in _listed(init)),
        start=start.code if start else "",
        directory=FOLDER,
        **_judged(evaluation, example, scripts),
    )
    return Row(problem, example)


def _judged(evaluation: Mapping[str, Any], example: Script | None, scripts: Path | None) -> dict[str, Any]:
    """The fields of a problem that say when it is solved."""
    if "match" in evaluation:
        match = evaluation["match"]
        match = {"answer": match} if isinstance(match, str) else match
        for key, check in (("answer", "match"), ("regex", "regex")):
            if isinstance(match, Mapping) and isinstance(match.get(key), str):
                return {"check": check, "answer": match[key]}
        raise ValueError("match must be a text, or an object with answer or regex")
    checks = _listed(evaluation.get("check"), keep_null=True)
    if not checks:
        raise ValueError("evaluation has neither match nor check")
    if None in checks and example is None:
        raise ValueError("check asks for the gold script (null), but there is no example")
    if len(checks) == 2 and checks[0] is None and (name := _named(checks[1])):
        return {"check": name}
    return {"scripts": tuple(example if c is None else _script(c, scripts) for c in checks)}


def _kind(row: Mapping[str, Any], evaluation: Mapping[str, Any]) -> str:
    """For tables: the row's first label, else how it is judged."""
    labels = row.get("labels")
    if isinstance(labels, list) and labels and isinstance(labels[0], str):
        return labels[0]
    checks = _listed(evaluation.get("check"), keep_null=True)
    if "match" in evaluation:
        return "match"
    return (_named(checks[-1]) if checks else "") or "script"


def _named(check: Any) -> str:
    """The name of one of the five checks; empty for any other script."""
    file = check.get("file") if isinstance(check, Mapping) else None
    name = Path(file).stem if isinstance(file, str) and file.endswith(".py") else ""
    return name if name in CHECKS else ""


def _listed(value: Any, keep_null: bool = False) -> list[Any]:
    """A list, whether there were several, one or none."""
    if value is None:
        return []
    return [v for v in (value if isinstance(value, list) else [value]) if keep_null or v is not None]


def _script(value: Any, scripts: Path | None) -> Script:
    if isinstance(value, str):
        return Script(value)
    if not isinstance(value, Mapping):
        raise ValueError("a script must be a text, or an object with code or file")
    language = value.get("language", "bash")
    if language not in LANGUAGES:
        raise ValueError(f"a script in {language}: only {' and '.join(LANGUAGES)} are run")
    if isinstance(value.get("code"), str):
        return Script(value["code"], language)
    file = value.get("file")
    if not isinstance(file, str):
        raise ValueError("a script has neither code nor file")
    if scripts is None:
        raise ValueError(f"needs the script file {file}: set scripts to AgentBench's folder of scripts")
    path = (scripts / file).resolve()
    if not path.is_relative_to(scripts.resolve()):
        raise ValueError(f"the script file {file} leads out of the folder")
    try:
        return Script(path.read_text(encoding="utf-8"), language)
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"the script file {path} cannot be read: {error}") from None
