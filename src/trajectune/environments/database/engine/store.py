"""What an episode needs of an engine: a database of its own, and a judge of the change made in it.

`SqliteStore` is the one that needs nothing installed;
`trajectune.environments.database.servers.store.ServerStore` is on a database server.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Literal, Protocol

from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.sandbox import Answer, Sandbox
from trajectune.environments.database.engine.scoring import states_match
from trajectune.errors import EpisodeError

Score = Literal["rows", "hash"]
"""How a change is judged: by the rows it leaves, or by AgentBench's hash of them."""


class Store(Protocol):
    """The database of one episode."""

    @property
    def changes(self) -> int:
        """Changes made so far; equal numbers mean an equal state."""
        ...

    def run(self, sql: str) -> Answer:
        """Run one statement of the agent's; whatever it does, it is answered."""
        ...

    def is_right(self) -> bool:
        """Whether it is as the gold statement would leave it. Raises `EpisodeError` if that one fails."""
        ...

    def close(self) -> None:
        """Drop it. Closing again does nothing."""
        ...


Opening = Callable[[Problem], Store]
"""Makes the database of a problem."""


class SqliteStore:
    """SQLite in memory."""

    def __init__(self, problem: Problem, seconds: float) -> None:
        self._problem = problem
        self._sandbox = Sandbox(image=problem.image, seconds=seconds)

    @property
    def changes(self) -> int:
        return self._sandbox.changes

    def run(self, sql: str) -> Answer:
        return self._sandbox.run(sql)

    def is_right(self) -> bool:
        wanted = Sandbox(image=self._problem.image)
        try:
            wanted.query(self._problem.gold)
            return states_match(self._sandbox, wanted)
        except sqlite3.Error as error:
            raise EpisodeError(
                f"The statement that solves the task fails: {error}.",
                where=self._problem.gold,
                remedy="run the episode again",
            ) from error
        finally:
            wanted.close()

    def close(self) -> None:
        self._sandbox.close()
