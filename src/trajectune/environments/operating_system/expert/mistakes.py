"""Deliberate mistakes at the beginning of some episodes, so that their repair can be learnt.

Invariant: a mistake changes nothing on the machine and is seen in what it prints: a path that does not
exist, or a program whose name is misspelt.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from trajectune.environments.operating_system.tasks.problem import Stage

_READING = {"cat", "head", "tail", "ls", "stat", "grep", "awk", "find", "tar", "cut", "getent", "ps", "id"}
"""Programs that may be mistaken without harm."""
_PATH = re.compile(r"(?<=\s)(/[\w./-]*[a-z])(?=$|\s|/\*)")


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong form of a stage's script."""

    stage: Stage
    script: str
    said: tuple[str, ...]
    """What is said when it is mended."""


def mistake(rng: Random, stages: Sequence[Stage]) -> Mistake | None:
    """A mistake in the first stage that only reads; `None` where none fits."""
    for stage in stages:
        program = stage.script.split(None, 1)[0]
        if (
            program not in _READING
            or ">" in stage.script
            or "-delete" in stage.script
            or "-exec" in stage.script
        ):
            continue
        options = [found for found in (_program(rng, stage, program), _path(rng, stage)) if found]
        if options:
            return rng.choice(options)
    return None


def _program(rng: Random, stage: Stage, program: str) -> Mistake | None:
    if len(program) < 3:
        return None
    place = rng.randrange(len(program) - 1)
    wrong = program[:place] + program[place + 1] + program[place] + program[place + 2 :]
    said = (
        f"I misspelt {program}.",
        f"The command is {program}, not {wrong}.",
        f"There is no command {wrong}: I meant {program}.",
    )
    return None if wrong == program else Mistake(stage, wrong + stage.script[len(program) :], said)


def _path(rng: Random, stage: Stage) -> Mistake | None:
    found = _PATH.search(stage.script)
    if found is None or stage.script.startswith("getent"):
        return None
    right = found[1]
    wrong = rng.choice((right[:-1], right + "s", right.replace("/", "/./", 1) + "_old"))
    if wrong.rstrip("/") == right or wrong.endswith("/"):
        return None
    said = (
        f"There is no {wrong}: the path is {right}.",
        f"That path was wrong; it must be {right}.",
        f"The error names {wrong}, but the task says {right}.",
    )
    return Mistake(stage, stage.script.replace(right, wrong, 1), said)
