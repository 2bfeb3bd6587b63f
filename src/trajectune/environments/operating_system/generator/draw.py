"""What a kind of task is made with: seeded choices, a script that prepares the machine, a question.

The idea: a kind writes files into an `Init` and knows what it wrote, so it knows the answer without running
anything; that the shell finds the same is what tests and the expert show.

Invariant: everything follows from the seed, on every machine; no time and no order of a file system enters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from random import Random
from typing import Any

from trajectune.environments.operating_system.generator.pools import Pool
from trajectune.environments.operating_system.sandbox.shell import quoted
from trajectune.environments.operating_system.tasks.problem import Fact, Problem, Script, Stage

_PLAIN = re.compile(r"[\w./+:@%,=-]+")
ROOTS = ("/srv", "/opt", "/var/lib", "/home", "/root", "/data", "/mnt", "/var/local")


def word(text: str) -> str:
    """`text` as one word of a script, in quotes where it needs them."""
    return text if _PLAIN.fullmatch(text) else "'" + text.replace("'", "'\\''") + "'"


class Init:
    """A script that prepares a machine, with as few processes as possible."""

    def __init__(self) -> None:
        self._folders: dict[str, None] = {}
        self._lines: list[str] = []

    def folder(self, *paths: str) -> None:
        """Folders, and those above them."""
        self._folders.update(dict.fromkeys(paths))

    def write(self, path: str, text: str) -> None:
        """A file with this text; its folder is made too."""
        self.folder(path.rpartition("/")[0])
        self._lines.append(f"printf %s {quoted(text)} > {word(path)}")

    def run(self, line: str) -> None:
        """Any command."""
        self._lines.append(line)

    def script(self) -> Script:
        """All of it; it fails where a line fails."""
        made = f"mkdir -p {' '.join(map(word, self._folders))}" if self._folders else ":"
        return Script("\n".join(["set -e", made, *self._lines]))


class Draw:
    """The choices of one task."""

    def __init__(self, kind: str, rng: Random, pool: Pool, frames: Mapping[str, Sequence[str]]) -> None:
        self.kind = kind
        self.rng = rng
        self.pool = pool
        self.init = Init()
        self._frames = frames[kind]

    def one(self, options: Sequence[Any]) -> Any:
        """One of them."""
        return self.rng.choice(options)

    def some(self, options: Sequence[str], count: int) -> list[str]:
        """Several different ones."""
        return self.rng.sample(list(options), count)

    def folder(self) -> str:
        """The path of a folder that is this task's own."""
        name = self.one(self.pool.folders)
        return f"{self.one(ROOTS)}/{name}{self.one(('', '', f'-{self.rng.randint(2, 99)}'))}"

    def file(self, extension: str = "") -> str:
        """The path of a file of this task."""
        return f"{self.folder()}/{self.one(self.pool.stems)}.{extension or self.one(self.pool.extensions)}"

    def text(self, lines: int) -> str:
        """A few lines of words."""
        return "".join(" ".join(self.some(self.pool.words, 4)) + "\n" for _ in range(lines))

    def tree(self, top: str, depth: int = 2) -> list[str]:
        """Folders below `top`, itself first."""
        below = [f"{top}/{name}" for name in self.some(self.pool.folders, self.rng.randint(2, 4))]
        deeper = [f"{self.one(below)}/{name}" for name in self.some(self.pool.stems, depth)]
        return [top, *below, *deeper]

    def names(self, folders: Sequence[str], extension: str, count: int) -> list[str]:
        """Paths of new files, spread over the folders."""
        stems = self.rng.sample([f"{stem}{n}" for stem in self.pool.stems for n in ("", 1, 2, 7)], count)
        return [f"{self.one(folders)}/{stem}.{extension}" for stem in stems]

    def problem(
        self,
        stages: Iterable[Stage],
        *,
        answer: str | int | None = None,
        check: str = "",
        facts: Iterable[Fact] = (),
        several: bool = False,
        **slots: object,
    ) -> Problem:
        """The task: its question is a frame of its kind with the slots filled."""
        question = self.one(self._frames).format(**slots)
        if answer is not None and not check:
            check = "integer-match" if isinstance(answer, int) else "string-match"
        return Problem(
            question=question,
            kind=self.kind,
            init=(self.init.script(),),
            check=check,
            answer="" if answer is None else str(answer),
            facts=tuple(facts),
            stages=tuple(stages),
            several=several,
        )


def stage(script: str, *thoughts: str, look: bool = False) -> Stage:
    """`stage("ls", "I look what is there.")`."""
    return Stage(script, thoughts, look)
