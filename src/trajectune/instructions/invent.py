"""Self-Instruct: a teacher writes tasks until there are enough, and each is tried before it is believed.

The idea (Self-Instruct, arXiv 2212.10560; AgentTuning, section 2.1.1): a request shows a few seed tasks
and what was accepted lately, and asks for something new. What comes back is read with patience, run, and
compared with all that is there.

`replies.jsonl` grows by one row for each request that was answered: the tasks of it that were accepted, and
those that were not, with the reason and the words. Everything else in the folder is made from it. A request
depends on the seed, on its number and on what was accepted before, so the same command goes on after
Ctrl-C.

Invariants: a request that was answered is not made again; one that the infrastructure failed is no answer
and is made again; every task that was written is accepted or rejected, and counted once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

from pydantic import Field

from trajectune.agents.contract import Agent, AgentReply
from trajectune.errors import AgentError, DataError, RecipeError
from trajectune.instructions.kinds.contract import Kind, Request
from trajectune.instructions.outcome import REJECTED, Constructed, Construction, RefusedError, by_reason
from trajectune.instructions.replies import objects_in
from trajectune.instructions.similar import Pool
from trajectune.instructions.teacher import Teacher
from trajectune.progress import OnProgress, Progress, silent
from trajectune.storage import JsonlWriter, encode, open_atomic, read_json, read_records, write_json
from trajectune.trajectory import Record, Usage

REPLIES = "replies.jsonl"
SETTINGS = "settings.json"
NO_TASK = "no task can be read in the reply"
CUT = "the reply was cut at its limit before a task was whole"
DUPLICATE = "it is like an earlier task"
COPIED = "it is like an example that the teacher was shown"

SHOWN_EARLIER = 4
"""Accepted tasks that a request names, so that they do not come again."""
HOPELESS = 20
"""Requests in a row that the infrastructure may fail."""
KEPT_WORDS = 4_000
"""Characters of a rejected task that are kept."""


class Refused(Record):
    """A task that is not used."""

    reason: str
    written: str
    """The task as it was read, or the reply in which none could be read."""


class Answered(Record):
    """A request that was answered; one line of `replies.jsonl`."""

    request: int
    accepted: list[dict[str, Any]] = Field(default_factory=list)
    rejected: list[Refused] = Field(default_factory=list)
    usage: Usage = Field(default_factory=Usage)


def invent(
    kind: Kind,
    agent: Agent,
    folder: Path,
    *,
    tasks: int,
    requests: int,
    seed: int = 0,
    on_progress: OnProgress = silent,
) -> Constructed:
    """Ask until `tasks` are accepted or `requests` are answered; goes on from what is in `folder`.

    Raises `RecipeError` for a folder of other settings, `AgentError` for a teacher that does not answer at
    all, and `DataError` where not one task was accepted.
    """
    teacher = Teacher(agent)
    _claim(folder, {"environment": kind.environment, "teacher": teacher.name, "seed": seed})
    work = _Work(kind, teacher, _answered(folder / REPLIES), seed)
    try:
        with JsonlWriter(folder / REPLIES) as writer:
            _ask(work, writer, tasks, requests, on_progress)
    finally:  # also after Ctrl-C the files say what there is
        made = _write(folder, kind, teacher, list(work.answered.values()))
    if not made.counts.accepted:
        raise DataError(
            "not one task was accepted",
            where=str(folder / REJECTED),
            remedy="see the reasons there; allow more requests, or ask a stronger teacher",
        )
    return made


class _Work:
    """What is known while tasks are written."""

    def __init__(self, kind: Kind, teacher: Teacher, answered: dict[int, Answered], seed: int) -> None:
        self.kind = kind
        self.teacher = teacher
        self.answered = answered
        self.seed = seed
        self.pool = Pool()
        for each in answered.values():
            self._keep(each)

    @property
    def accepted(self) -> int:
        return sum(len(each.accepted) for each in self.answered.values())

    def next_requests(self, most: int) -> dict[int, Request]:
        """The next requests, as many as the teacher likes at once; none where all are answered."""
        missing = [number for number in range(most) if number not in self.answered]
        questions = [row["description"] for each in self.answered.values() for row in each.accepted]
        return {number: self._request(number, questions) for number in missing[: self.teacher.width]}

    def take(self, number: int, request: Request, reply: AgentReply) -> Answered:
        """What an answer holds, each of its tasks tried."""
        answered = Answered(request=number, usage=reply.usage)
        found = objects_in(reply.text)
        if not found:
            reason = CUT if reply.finish in ("length", "context") else NO_TASK
            answered.rejected.append(Refused(reason=reason, written=reply.text[:KEPT_WORDS]))
        for written in found:
            self._try(written, request, answered)
        self.answered[number] = answered
        return answered

    def _try(self, written: dict[str, Any], request: Request, answered: Answered) -> None:
        try:
            question = written.get("description")
            if isinstance(question, str):
                self._check_new(question, request)
            row = self.kind.tried(written, request)
        except RefusedError as error:
            words = encode(written).decode()[:KEPT_WORDS]
            answered.rejected.append(Refused(reason=str(error), written=words))
        else:
            answered.accepted.append(row)
            self.pool.add(row["description"])

    def _check_new(self, question: str, request: Request) -> None:
        """Raises `RefusedError` for a question that is there already."""
        if self.pool.has(question):
            raise RefusedError(DUPLICATE)
        examples = Pool()
        for text in request.shown:
            examples.add(text)
        if examples.has(question):
            raise RefusedError(COPIED)

    def _request(self, number: int, questions: Sequence[str]) -> Request:
        """What is asked; only which earlier tasks it names depends on what was accepted."""
        draw = Random(f"{self.seed}/{number}/earlier")
        earlier = draw.sample(questions, min(SHOWN_EARLIER, len(questions)))
        return self.kind.request(Random(f"{self.seed}/{number}"), earlier)

    def _keep(self, answered: Answered) -> None:
        for row in answered.accepted:
            self.pool.add(row["description"])


def _ask(work: _Work, writer: JsonlWriter, tasks: int, requests: int, on_progress: OnProgress) -> None:
    failed = 0
    on_progress(_progress(work, tasks))
    while work.accepted < tasks and (asked := work.next_requests(requests)):
        replies = work.teacher.ask({n: each.prompt for n, each in asked.items()}, work.seed)
        for number, reply in replies.items():
            if reply.finish == "error":
                failed += 1
                if failed >= HOPELESS:
                    raise _hopeless(reply, work.teacher.name)
                continue
            failed = 0
            writer.write(work.take(number, asked[number], reply))
            on_progress(_progress(work, tasks))


def _progress(work: _Work, tasks: int) -> Progress:
    written = sum(len(each.accepted) + len(each.rejected) for each in work.answered.values())
    note = f"of {written} written in {len(work.answered)} replies"
    return Progress(f"{work.kind.environment} tasks", work.accepted, tasks, note)


def _hopeless(reply: AgentReply, teacher: str) -> AgentError:
    return AgentError(
        f"the last {HOPELESS} requests all failed; the last one said: {reply.error}",
        where=teacher,
        remedy="mend the cause and give the same command again: what was accepted is kept",
    )


def _claim(folder: Path, settings: dict[str, Any]) -> None:
    """Let a folder stand for these settings. Raises `RecipeError` where it holds what others left."""
    file = folder / SETTINGS
    if file.is_file() and (before := read_json(file)) != settings:
        differ = [key for key, value in settings.items() if before.get(key) != value]
        raise RecipeError(
            f"the folder holds tasks that were written with another {', '.join(differ)}",
            where=str(file),
            remedy="give another folder, or delete this one",
        )
    write_json(file, settings)


def _answered(path: Path) -> dict[int, Answered]:
    if not path.is_file():
        return {}
    return {each.request: each for each in read_records(path, Answered)}


def _write(folder: Path, kind: Kind, teacher: Teacher, answered: Sequence[Answered]) -> Constructed:
    """The files that others read, from what was answered."""
    rows = [row for each in answered for row in each.accepted]
    with open_atomic(folder / REJECTED) as file:
        for each in answered:
            for refused in each.rejected:
                file.write(encode({"request": each.request, **refused.model_dump()}))
    counts = Construction(
        way="self_instruct",
        environment=kind.environment,
        teacher=teacher.name,
        asked=len(answered),
        written=sum(len(each.accepted) + len(each.rejected) for each in answered),
        rejected=by_reason(refused.reason for each in answered for refused in each.rejected),
        accepted=len(rows),
        usage=_total(each.usage for each in answered),
    )
    counts.save(folder)
    kind.write(rows, folder / kind.file)
    return Constructed(folder, kind.environment, kind.options(folder), counts)


def _total(usages: Iterable[Usage]) -> Usage:
    whole = Usage()
    for usage in usages:
        whole += usage
    return whole
