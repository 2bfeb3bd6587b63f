"""An environment whose tasks come from one of several sources: a generator, files, a server.

The idea: what differs between sources is behind `TaskSource`; the environment asks it for tasks and adds
what all of them share: tools, rules, episodes, an expert.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, Protocol, TypeVar

from trajectune.environments.contract import Environment, Split, Task
from trajectune.storage import Rejected


class TaskSource(Protocol):
    """Where tasks come from."""

    @property
    def rejected(self) -> Sequence[Rejected]:
        """Rows that could not be used, and why."""
        ...

    def tasks(self, split: Split) -> Sequence[Task]:
        """The tasks of a split, in a stable order."""
        ...


S = TypeVar("S", bound=TaskSource)


class SourcedEnvironment(Environment, Generic[S]):
    """`class Shell(SourcedEnvironment[ShellSource])` sets `rules`, and `source` when it is built."""

    rules: ClassVar[str]
    """The instruction of every task."""
    source: S

    @property
    def rejected(self) -> Sequence[Rejected]:
        """Rows of the source that could not be used, and why."""
        return self.source.rejected

    def tasks(self, split: Split) -> Sequence[Task]:
        return self.source.tasks(split)

    def instruction(self, task: Task) -> str:
        del task
        return self.rules
