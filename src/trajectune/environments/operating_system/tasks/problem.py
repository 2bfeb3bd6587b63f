"""A problem: what is asked, how its machine is prepared, what counts as solved, and how one solves it.

The idea: a question is solved by an answer that a check accepts; a change by facts about the machine
afterwards; a task of a file may bring a script of its own. Nothing of what counts ever enters the box.

Invariant: a problem is data; the same problem gives the same machine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Script:
    """Code to run in a box as a process of its own."""

    code: str
    language: str = "bash"

    @property
    def program(self) -> str:
        """The program that takes the code behind `-c`."""
        return "python3" if self.language == "python" else "bash"


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that must be so on the machine; see `facts.KINDS` for what can be asked."""

    kind: str
    about: str
    """A path, a user, a program."""
    wanted: Any


@dataclass(frozen=True, slots=True)
class Stage:
    """One command of a solution, and several ways to say why it is the next one."""

    script: str
    thoughts: tuple[str, ...]
    look: bool = False
    """Whether it only looks: an expert may leave it out."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One task of the operating_system environment."""

    question: str
    kind: str
    init: tuple[Script, ...] = ()
    start: str = ""
    """A program that runs beside the agent."""
    check: str = ""
    """Name of the check of an answer; empty for a change."""
    answer: str = ""
    """The gold answer."""
    facts: tuple[Fact, ...] = ()
    scripts: tuple[Script, ...] = ()
    """Checks that run in the agent's own box, each given the answer and what the ones before printed."""
    stages: tuple[Stage, ...] = ()
    """The solution; what the last one prints is the answer, where one is asked for."""
    directory: str = "/root"
    """Where the shell begins."""
    several: bool = field(default=False)
    """Whether a second user is needed."""
