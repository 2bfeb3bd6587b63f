"""The operating_system environment: questions about a Linux machine, and changes to it, through a shell.

The idea: every episode has a machine of its own, a sandbox in which the agent is root and in which nothing
of the host is seen. Rules, protocol and named checks are those of AgentBench's OS task (arXiv 2308.03688);
tasks come from a seeded generator or from AgentBench's files.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, get_args

from trajectune.environments.contract import Expert, Split, Task
from trajectune.environments.operating_system.demonstration import DEMONSTRATION
from trajectune.environments.operating_system.episode import TOOLS, OperatingSystemEpisode
from trajectune.environments.operating_system.expert.expert import Routes, expert
from trajectune.environments.operating_system.generator.generated import GeneratedSource
from trajectune.environments.operating_system.machine import prepare
from trajectune.environments.operating_system.sandbox.identity import SINGLE, draw
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.environments.operating_system.sandbox.requirement import require_sandbox
from trajectune.environments.operating_system.tasks.source import FileSource
from trajectune.environments.options import given_path, one_of
from trajectune.environments.sourced import SourcedEnvironment
from trajectune.errors import RecipeError
from trajectune.trajectory import Demonstration, Tool

INSTRUCTION = (
    "You work on a Linux machine through its shell: you answer a question about it, or you carry out a "
    "change on it. You are root, and the machine is there for this task alone. In every turn, first say "
    "what you are looking for and why, then make exactly one move. A move is a bash script, whose "
    "output you get to see; or your answer, when you have found it; or the word that you are finished, "
    "when a change was asked for and is made. Answers and the end are final. Give an answer as exactly "
    "as it was asked for, such as one number, without a sentence around it. Long output is cut, so let "
    "the shell count and select for you. Nobody can type anything into a program, so use none that "
    "waits for input."
)
NOTES = {
    "generated": "Generated tasks; not AgentBench's tasks or numbers.",
    "agentbench": "AgentBench's tasks, played in a sandbox with this machine's programs.",
}


class OperatingSystemEnvironment(SourcedEnvironment[GeneratedSource | FileSource]):
    """A shell on a sandboxed machine.

    `source` is `generated` (uses `seed`, `train`, `dev`, `test`: numbers of tasks, and `kinds`) or
    `agentbench` (`path`: a JSON file of its os_interaction; `scripts`: its folder of script files, where
    rows name some; all tasks belong to `split`). `limits`: of a machine, see `Limits`. `repair` and `look`
    are the shares of the expert's episodes with a mistake and of its looks. `demonstrate`: show a solved
    task first, as AgentBench does.
    """

    name = "operating_system"
    rules = INSTRUCTION
    tools: ClassVar[Sequence[Tool]] = TOOLS
    max_steps = 8

    def __init__(
        self,
        source: Literal["generated", "agentbench"] = "generated",
        *,
        seed: int = 0,
        train: int = 600,
        dev: int = 60,
        test: int = 120,
        kinds: Sequence[str] | None = None,
        path: str | Path = "",
        scripts: str | Path = "",
        split: Split = "test",
        limits: Mapping[str, Any] | None = None,
        repair: float = 0.12,
        look: float = 0.6,
        demonstrate: bool = True,
    ) -> None:
        one_of(self.name, "source", source, NOTES)
        one_of(self.name, "split", split, get_args(Split))
        self.limits = _limits(limits or {})
        self.routes = Routes(repair, look)
        self.demonstrate = demonstrate
        self._several = draw().several
        self.note = " ".join([NOTES[source], *([] if self._several else [SINGLE])])
        if source == "generated":
            sizes: dict[Split, int] = {"train": train, "dev": dev, "test": test}
            self.source = GeneratedSource(seed, sizes, kinds, self._several)
            if left_out := self.source.left_out():
                self.note += f" {left_out} tasks that need one are left out."
        else:
            file, folder = given_path(self.name, source, "path", path), Path(scripts) if scripts else None
            self.source = FileSource(file, split, self.limits, folder)

    def open(self, task: Task, seed: int = 0) -> OperatingSystemEpisode:
        """Start an episode on a new machine; nothing in it is random, so `seed` changes nothing."""
        del seed
        problem = self.source.problem(task)
        return OperatingSystemEpisode(problem, prepare(require_sandbox(), problem, self.limits))

    def demonstration(self, task: Task) -> Demonstration | None:
        del task
        return DEMONSTRATION if self.demonstrate else None

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        """A solver from the gold commands; `None` for a task of a file that has none."""
        del observation  # the problem says it all
        return expert(self.source.problem(task), f"{task.id}/{seed}", self.routes)


def _limits(given: Mapping[str, Any]) -> Limits:
    try:
        return Limits(**given)
    except TypeError:
        known = ", ".join(Limits.__dataclass_fields__)
        raise RecipeError(
            f"Limits of the operating_system environment cannot be {dict(given)!r}.",
            where="option limits",
            remedy=f"give numbers for some of: {known}",
        ) from None
