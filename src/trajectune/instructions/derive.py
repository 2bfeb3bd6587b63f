"""Task derivation: a set of questions with gold SQL (BIRD, Spider) becomes database tasks.

The idea (AgentTuning, arXiv 2310.12823, section 2.1.1): somebody has asked the questions and solved them,
so only what can be trusted is taken over. Each gold statement is run; a question is left out where an
agent could not find the answer, could find another that is as good, or need not look. What is left is
written as the file of questions that the `sqlite` source of the database environment reads, so that the
tables stay in their databases and are not copied into each task.

Invariants: every row of the file is accepted, or rejected with its number and the reason; the rows that are
accepted are written as they were read.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from trajectune.environments.database.engine.cells import MAX_CHARS, shown
from trajectune.environments.database.engine.problem import Problem
from trajectune.environments.database.engine.sandbox import Sandbox
from trajectune.environments.database.engine.scoring import answers_match, plain_answer
from trajectune.environments.database.expert.expert import proof
from trajectune.environments.database.sources import UNUSABLE, databases_at, question_problem
from trajectune.errors import DataError
from trajectune.instructions.ambiguity import ambiguity
from trajectune.instructions.outcome import REJECTED, Constructed, Construction, RefusedError, by_reason
from trajectune.progress import OnProgress, silent, told
from trajectune.storage import Rejected, encode, open_atomic, read_json, write_json

QUESTIONS = "questions.json"
UNREADABLE = "it is no question with SQL over one of these databases"
FAILS = "its gold statement fails"
NOTHING = "its gold statement finds nothing"
IDLE = "its gold statement changes nothing"
TOO_LARGE = "its result is too large to be shown whole"
UNPROVEN = "an agent that runs its gold statement does not earn the reward"
REPEATED = "it repeats an earlier question"
CONTRADICTED = "the same question has another answer elsewhere in the file"
NOT_DRAWN = "more are there than were asked for"

Numbered = tuple[int, dict[str, Any], Problem]
"""A row's number in its file, the row, and the problem that it is."""


def derive(
    questions: Path,
    databases: Path,
    folder: Path,
    *,
    tasks: int | None = None,
    seed: int = 0,
    on_progress: OnProgress = silent,
) -> Constructed:
    """Write the questions that can be played to `folder`; `tasks` of them, drawn by `seed`, or all.

    `questions` is a JSON list of BIRD's or Spider's shape; `databases` an SQLite file, a MySQL dump or a
    folder of databases. Raises `DataError` where a file is none of these, or where no question is left.
    """
    rows = read_json(questions)
    if not isinstance(rows, list):
        raise DataError(
            "Not a list of questions.", where=str(questions), remedy="Give BIRD's or Spider's JSON."
        )
    rejected: list[Rejected] = []
    images, _ = databases_at(str(databases))
    steps = told(list(enumerate(rows, 1)), f"trying {questions.name}", len(rows), on_progress)
    sound = _distinct(list(_sound(steps, images, rejected)), rejected)
    taken = sound if tasks is None else _drawn(sound, tasks, seed, rejected)
    rejected.sort(key=lambda row: row.line)
    counts = Construction(
        way="derive",
        environment="database",
        asked=len(rows),
        written=len(rows),
        rejected=by_reason(row.reason for row in rejected),
        accepted=len(taken),
    )
    return _write(folder, databases, taken, rejected, counts)


def tried(row: Mapping[str, Any], images: Mapping[str, bytes]) -> Problem:
    """The problem of a row that can be played. Raises `RefusedError` for any other."""
    if not isinstance(row, Mapping) or not _known(row, images):
        raise RefusedError(UNREADABLE)
    try:
        problem = question_problem(row, images)
    except sqlite3.Error as error:
        raise RefusedError(f"{FAILS}: {error}") from None
    except UNUSABLE as error:
        raise RefusedError(f"{IDLE if 'doing nothing' in str(error) else UNREADABLE}: {error}") from None
    if problem.answers is not None:
        _check_answer(problem)
    if proof(problem) is None:
        raise RefusedError(UNPROVEN)
    return problem


def _known(row: Mapping[str, Any], images: Mapping[str, bytes]) -> bool:
    """Whether its database is there; where there is only one, a row need not name it."""
    name = row.get("db_id") or row.get("db")
    return name in images or (len(images) == 1 and not name)


def _check_answer(problem: Problem) -> None:
    """Raises `RefusedError` for an answer that is empty, too large, or only one of several."""
    if all(plain_answer(value) == "none" for value in problem.answers or ()):
        raise RefusedError(NOTHING)
    sandbox = Sandbox(image=problem.image)
    try:
        if len(shown(sandbox.query(problem.gold))) > MAX_CHARS:
            raise RefusedError(TOO_LARGE)
        if why := ambiguity(problem.gold, sandbox):
            raise RefusedError(why)
    finally:
        sandbox.close()


def _sound(
    rows: Iterator[tuple[int, Any]], images: Mapping[str, bytes], rejected: list[Rejected]
) -> Iterator[Numbered]:
    for number, row in rows:
        try:
            yield number, row, tried(row, images)
        except RefusedError as error:
            rejected.append(Rejected(number, str(error)))


def _distinct(sound: Sequence[Numbered], rejected: list[Rejected]) -> list[Numbered]:
    """Each question once; one that is asked twice of a database and answered differently, not at all."""
    groups: dict[tuple[str, str], list[Numbered]] = {}
    for each in sound:
        groups.setdefault((_database(each[1]), " ".join(each[2].question.lower().split())), []).append(each)
    kept: list[Numbered] = []
    for first, *others in groups.values():
        same = all(_same_answer(first[2], other[2]) for other in others)
        if same:
            kept.append(first)
        for number, _, _ in others if same else [first, *others]:
            rejected.append(Rejected(number, REPEATED if same else CONTRADICTED))
    return kept


def _database(row: Mapping[str, Any]) -> str:
    return str(row.get("db_id") or row.get("db") or "")


def _same_answer(left: Problem, right: Problem) -> bool:
    if left.answers is None or right.answers is None:
        return left.gold == right.gold
    return answers_match(left.answers, right.answers)


def _drawn(sound: Sequence[Numbered], tasks: int, seed: int, rejected: list[Rejected]) -> list[Numbered]:
    """As many as are asked, in the order of the file; the others are rejected."""
    chosen = set(Random(seed).sample(range(len(sound)), min(tasks, len(sound))))
    rejected += [Rejected(each[0], NOT_DRAWN) for place, each in enumerate(sound) if place not in chosen]
    return [each for place, each in enumerate(sound) if place in chosen]


def _write(
    folder: Path,
    databases: Path,
    taken: Sequence[Numbered],
    rejected: Sequence[Rejected],
    counts: Construction,
) -> Constructed:
    write_json(folder / QUESTIONS, [row for _, row, _ in taken])
    with open_atomic(folder / REJECTED) as out:
        for row in rejected:
            out.write(encode({"line": row.line, "reason": row.reason}))
    counts.save(folder)
    if not taken:
        raise DataError(
            "no question can be played",
            where=str(folder / REJECTED),
            remedy="see the reasons there; check that the databases belong to the questions",
        )
    return Constructed(folder, counts.environment, options_of(folder, databases), counts)


def options_of(folder: Path, databases: Path) -> dict[str, Any]:
    """The options with which the database environment reads the questions in `folder`."""
    return {
        "source": "sqlite",
        "path": str(databases),
        "questions": str(folder / QUESTIONS),
        "split": "train",
    }
