"""One episode's database on a server, as the episode uses it.

The idea: statements run in a process that is killed when one goes beyond its limits, as for SQLite; the
process holds the connection of the episode's user, and the database stays on the server. What the gold
statement makes is made in a second database, which is dropped at once.

Invariants: `run` never raises for anything a statement does, and answers within `seconds` and half a
second; the gold statement is never in the episode's own database.
"""

from __future__ import annotations

import itertools
import os
import weakref
from typing import Any

from trajectune.environments.database.engine.fence import MAX_STATEMENT
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.processes import (
    Process,
    ProcessEndedError,
    Processes,
    ProcessGoneError,
)
from trajectune.environments.database.engine.sandbox import TRUSTED, Answer
from trajectune.environments.database.engine.store import Score
from trajectune.environments.database.servers import hashing
from trajectune.environments.database.servers.server import Place, Server
from trajectune.environments.database.servers.tables import quoted
from trajectune.errors import EpisodeError

PROCESSES = Processes("trajectune.environments.database.servers.process")
os.register_at_fork(after_in_child=PROCESSES.disown)

_numbers = itertools.count()


class ServerStore:
    """The database of a problem. Raises `EpisodeError` where the server cannot hold it."""

    def __init__(self, server: Server, problem: Problem, seconds: float, score: Score = "rows") -> None:
        self.changes = 0
        self._server = server
        self._problem = problem
        self._seconds = seconds
        self._score = score
        self._place = server.create(problem.image)
        self._forget = weakref.finalize(self, server.forget, self._place.name)
        self._number = next(_numbers)
        self._process: Process | None = None

    def run(self, sql: str) -> Answer:
        """Run one statement as the MySQL client of AgentBench shows it: `[(1, 'a'), (2, 'b')]`."""
        if len(sql) > MAX_STATEMENT:
            return _failed(f"the statement is longer than {MAX_STATEMENT} characters")
        return self._run(sql, self._seconds)

    def is_right(self) -> bool:
        """Whether it is as the gold statement would leave it. Raises `EpisodeError` if that one fails."""
        if self._score == "hash" and self._problem.answer_md5:
            return self.hash() == hashing.bare(self._problem.answer_md5)
        wanted = ServerStore(self._server, self._problem, self._seconds)
        try:
            wanted.solve()
            return self.hash() == wanted.hash() if self._score == "hash" else self.state() == wanted.state()
        finally:
            wanted.close()

    def solve(self) -> None:
        """Run the gold statement. Raises `EpisodeError` where it fails."""
        answer = self._run(self._problem.gold, TRUSTED * self._seconds)
        if answer.failed:
            raise EpisodeError(
                f"The statement that solves the task fails on this server. {answer.text}",
                where=self._problem.gold,
                remedy="leave the task out, or play it on SQLite",
            )

    def state(self) -> Any:
        """Its rows, in the form in which states are compared."""
        return self._server.state(self._place)

    def hash(self) -> str:
        """AgentBench's hash of its tables; MySQL and MariaDB only."""
        return hashing.joined(self._server.scalar(self._place, query) for query in _hashes(self._place))

    def close(self) -> None:
        """Drop the database. Closing again does nothing."""
        if self._forget.detach() is None:
            return
        if self._process is not None:
            self._process.forget(self._number)
        self._server.drop(self._place)

    def _run(self, sql: str, seconds: float) -> Answer:
        if not self._forget.alive:
            return _failed("the database is closed")
        try:
            answer = self._handled({"number": self._number, "sql": sql, "seconds": seconds, "whole": False})
        except ProcessEndedError as end:
            self._server.kick(self._place)
            return _failed(str(end))
        if "broken" in answer:
            raise EpisodeError(
                f"The database server is gone: {answer['broken']}", remedy="see whether it runs"
            )
        self.changes += answer["changed"]
        return _failed(answer["error"]) if "error" in answer else Answer(answer["text"])

    def _handled(self, request: dict[str, Any]) -> dict[str, Any]:
        told = {**request, "place": self._place.told}
        while True:  # ends: whenever a process is gone, it has ended over the statement of another
            if self._process is None or not self._process.alive:
                self._process = PROCESSES.take()
            try:
                return self._process.ask(told, b"")[0]
            except ProcessGoneError:
                continue


def _failed(words: str) -> Answer:
    return Answer(f"Error: {words}", failed=True)


def _hashes(place: Place) -> list[str]:
    return [
        hashing.hash_query(quoted(table.name, "`"), [quoted(each.name, "`") for each in table.columns])
        for table in place.tables
    ]
