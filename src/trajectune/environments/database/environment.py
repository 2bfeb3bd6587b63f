"""The database environment: questions about tables, and changes to them, through SQL.

The idea: the agent sees a question and the headers of the tables, runs statements in a sandboxed
SQLite that reads MySQL's way of writing, and commits an answer. Rules and scores are those of
AgentBench's database environment (arXiv 2308.03688); tasks come from a seeded generator, from
dbbench files, or from any database with a list of questions. In place of SQLite, a MySQL, MariaDB or
PostgreSQL server can hold the databases (the extra `database-servers`).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal, get_args

from trajectune.environments.contract import Expert, Split, Task
from trajectune.environments.database import sources
from trajectune.environments.database.engine.store import Opening, Score, SqliteStore
from trajectune.environments.database.episode import TOOLS, DatabaseEpisode
from trajectune.environments.database.expert.expert import Routes, expert
from trajectune.environments.database.generator.generated import GeneratedSource, Level
from trajectune.environments.database.servers.address import address, is_mysql
from trajectune.environments.options import given_path, one_of
from trajectune.environments.sourced import SourcedEnvironment
from trajectune.errors import RecipeError
from trajectune.trajectory import Tool

if TYPE_CHECKING:
    from sqlalchemy import URL

INSTRUCTION = (
    "You work with a MySQL database: you answer a question about it, or you carry out a change in it. "
    "In every turn, first say briefly what you are looking for and why, then make one move. "
    "A move is one SQL statement, written in one line, whose raw output you get to see; "
    "or your final answer, which ends the task. "
    "Put names of tables and columns in back quotes. When a statement fails, read the error and mend it. "
    "Answer once you are sure, with exactly the values that the question asks for, as the database shows "
    "them. When the task is a change, make the change first; then any answer will do."
)


Source = Literal["generated", "dbbench", "sqlite"]
SOURCES = get_args(Source)
NOTES = {
    "generated": "Generated tables, questions and changes; not AgentBench's tasks or numbers.",
    "dbbench": "AgentBench's tasks, played on {engine} instead of MySQL.",
}
"""By source; a database of the user's own needs no note."""

MAX_SECONDS = 600
"""The longest that a recipe may give a statement."""


class DatabaseEnvironment(SourcedEnvironment[GeneratedSource | sources.FileSource]):
    """Questions and changes over SQLite databases in memory.

    `source` is `generated` (uses `seed`, `train`, `dev`, `test`: numbers of tasks, `kinds`,
    and `level`: `plain` or `varied` wording),
    `dbbench` (`path`: AgentBench's JSONL), or `sqlite` (`path`: a database, a dump or a folder;
    `questions`: a JSON list). Tasks from files all belong to `split`. `repair` and `look` are
    the shares of the expert's episodes that begin with a mistake or a look. `seconds` limits one statement.
    `server` is the URL of a MySQL, MariaDB or PostgreSQL server that holds the databases, without a
    password; `server_from` names the environment variable that holds such a URL, with one. `score` says
    how a change is judged there: by `rows`, or by AgentBench's `hash` of them (MySQL and MariaDB).
    """

    name = "database"
    rules = INSTRUCTION
    tools: ClassVar[Sequence[Tool]] = TOOLS
    max_steps = 15

    def __init__(
        self,
        source: Source = "generated",
        *,
        seed: int = 0,
        train: int = 600,
        dev: int = 60,
        test: int = 120,
        kinds: Sequence[str] | None = None,
        level: Level = "varied",
        repair: float = 0.12,
        look: float = 0.1,
        path: str | Path = "",
        questions: str | Path = "",
        split: Split = "test",
        seconds: float = 2.0,
        server: str = "",
        server_from: str = "",
        score: Score = "rows",
    ) -> None:
        if not 0 < seconds <= MAX_SECONDS:
            raise RecipeError(
                f"A statement cannot take {seconds} seconds.",
                remedy=f"Set seconds: above 0, up to {MAX_SECONDS}.",
            )
        one_of(self.name, "source", source, SOURCES)
        one_of(self.name, "split", split, get_args(Split))
        one_of(self.name, "score", score, get_args(Score))
        self._url = address(server, server_from)
        self._mysql = self._url is not None and is_mysql(self._url)
        _check_score(score, self._mysql)
        self._score: Score = score
        self.seconds = seconds
        self.routes = Routes(repair, look)
        self.note = NOTES.get(source, "").format(engine=_engine(self._url))
        if source == "generated":
            self.source = GeneratedSource(seed, {"train": train, "dev": dev, "test": test}, kinds, level)
        elif source == "dbbench":
            file = given_path(self.name, source, "path", path)
            self.source = sources.dbbench(file, split, typed=not self._mysql)
        else:
            file = given_path(self.name, source, "questions", questions)
            self.source = sources.questions(given_path(self.name, source, "path", path), file, split)
        if self._url is not None and isinstance(self.source, sources.FileSource):
            from trajectune.environments.database.servers.tables import unholdable

            self.source.leave_out(partial(unholdable, mysql=self._mysql))

    def open(self, task: Task, seed: int = 0) -> DatabaseEpisode:
        """Start an episode; nothing in this environment is random, so `seed` changes nothing."""
        del seed
        problem = self.source.problem(task)
        return DatabaseEpisode(problem, self._opening()(problem))

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        """A solver from the gold statement; `None` where that does not earn the reward."""
        del observation  # the problem says it all
        problem = self.source.problem(task)
        if self._url is None:
            return expert(problem, f"{task.id}/{seed}", self.routes)
        return expert(problem, f"{task.id}/{seed}", self.routes, self._opening())

    def _opening(self) -> Opening:
        if self._url is None:
            return partial(SqliteStore, seconds=self.seconds)
        from trajectune.environments.database.servers.server import SERVERS
        from trajectune.environments.database.servers.store import ServerStore

        return partial(ServerStore, SERVERS.at(self._url), seconds=self.seconds, score=self._score)


def _engine(url: URL | None) -> str:
    names = {"mysql": "a MySQL server of yours", "mariadb": "MariaDB", "postgresql": "PostgreSQL"}
    return "SQLite" if url is None else names[url.get_backend_name()]


def _check_score(score: str, mysql: bool) -> None:
    if score == "hash" and not mysql:
        raise RecipeError(
            "AgentBench's hash is computed by MySQL or MariaDB.",
            where="score: hash",
            remedy="Name such a server (server: or server_from:), or leave score out.",
        )
