"""Tasks on a Linux machine, written by a teacher, with all that is needed to try them.

The idea (AgentTuning, section 2.1.1, after Self-Instruct): the teacher writes what is asked, the script
that prepares the machine, the script that solves the task, and how an answer is judged: by one of
AgentBench's named checks, or by a script that looks at the machine. All of it is run, in sandboxes alone,
and the task is believed when the solution passes the check and agents that do nothing do not
(`trajectune.environments.operating_system.tasks.replay`). The rows are those of AgentBench's
os_interaction.

Two rules go further: what a question asks must depend on the machine that was prepared for it, and a
question must not say its own answer.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

from trajectune.environments.operating_system.generator.generated import KINDS, make
from trajectune.environments.operating_system.sandbox.limits import Limits
from trajectune.environments.operating_system.sandbox.requirement import require_sandbox
from trajectune.environments.operating_system.tasks.problem import Problem
from trajectune.environments.operating_system.tasks.replay import DoesNotHoldError, replayed
from trajectune.environments.operating_system.tasks.rows import Row as Parsed
from trajectune.environments.operating_system.tasks.rows import read_row
from trajectune.errors import DataError, EpisodeError
from trajectune.instructions.kinds.contract import INCOMPLETE, Kind, Request, Row, avoided, text_of
from trajectune.instructions.outcome import RefusedError
from trajectune.storage import read_json, write_json

INDEPENDENT = "its answer does not depend on its init script"
SAID = "the question says its answer"
BROKEN = "the sandbox broke over it"

CHECKS = ("integer-match", "string-match", "size-match")
"""Named checks that a teacher may choose."""
TOPICS = (
    "counting files", "sizes of files", "reading a log", "columns of a CSV file", "permissions",
    "owners and groups", "hidden files", "links", "archives", "dates of files", "environment files",
    "configuration files", "duplicate lines", "the longest line", "renaming files", "moving files",
    "creating folders", "searching text", "users in /etc/passwd", "sums of numbers", "empty folders",
)  # fmt: skip
CHANGE_SHARE = 0.3
"""Requests that ask for a change of the machine in place of a question."""
EXAMPLES = 2
LONGEST_EXAMPLE = 900
LONGEST = {"description": 1_500, "init": 4_000, "gold": 2_000, "check": 2_000}
"""Characters of each part."""

PROMPT = """\
You write exercises for people who learn the Linux shell. Write one new exercise about {topic}: {shape}

An exercise is a JSON object of four texts:
"description": what is asked, in plain words, with full paths and without naming commands; {answer}
"init": a bash script that makes the files and folders that the exercise needs. It runs as root, before.
"gold": a bash script that solves the exercise{prints}.
"check": {check}

Examples:
{examples}
{avoided}
Answer with the one JSON object and nothing else. Line ends inside of a text are written \\n.
"""
SHAPES = {
    "question": {
        "shape": "a question about the machine, whose answer is one number, one word or one size.",
        "answer": "it must not say the answer, and says how the answer is to be written",
        "prints": ", and prints the answer and nothing else",
        "check": 'one of "integer-match", "string-match" and "size-match": how the answer is compared.',
    },
    "change": {
        "shape": "a change of the machine that has to be made.",
        "answer": "it says exactly how the machine must be afterwards",
        "prints": "",
        "check": "a bash script that ends with status 0 when the change was made, and with another before.",
    },
}
CHANGES = (
    {
        "description": "Nobody but its owner may read /srv/keys/main.pem. Set its permissions to 600.",
        "init": "mkdir -p /srv/keys && echo secret > /srv/keys/main.pem && chmod 644 /srv/keys/main.pem",
        "gold": "chmod 600 /srv/keys/main.pem",
        "check": '[ "$(stat -c %a /srv/keys/main.pem)" = 600 ]',
    },
    {
        "description": "Copy every .conf file of /opt/app into the new folder /opt/saved.",
        "init": "mkdir -p /opt/app && cd /opt/app && echo a > a.conf && echo b > b.conf && echo c > c.txt",
        "gold": "mkdir -p /opt/saved && cp /opt/app/*.conf /opt/saved/",
        "check": 'cd /opt/saved && [ "$(ls | tr "\\n" " ")" = "a.conf b.conf " ]',
    },
)
"""Examples of changes: those of the files and of the generator are judged otherwise."""


class OperatingSystemKind(Kind):
    """`seeds`: a file of AgentBench's os_interaction, for examples; without one they are generated.

    Raises `UnavailableError` where no sandbox can be had.
    """

    environment = "operating_system"
    source = "agentbench"
    file = "tasks.json"

    def __init__(self, seeds: Path | None = None) -> None:
        self._program = require_sandbox()
        self._limits = Limits()
        self._seeds = list(_read_seeds(seeds)) if seeds else []
        if seeds and not self._seeds:
            raise DataError(
                "no seed task could be read",
                where=str(seeds),
                remedy="give AgentBench's os_interaction JSON",
            )

    def request(self, rng: Random, earlier: Sequence[str]) -> Request:
        shape, topic = "change" if rng.random() < CHANGE_SHARE else "question", rng.choice(TOPICS)
        examples = list(CHANGES) if shape == "change" else self._questions(rng)
        prompt = PROMPT.format(
            topic=topic,
            examples="\n".join(json.dumps(each, ensure_ascii=False) for each in examples),
            avoided=avoided(earlier),
            **SHAPES[shape],
        )
        return Request(prompt, topic, tuple(each["description"] for each in examples))

    def tried(self, written: Mapping[str, Any], request: Request) -> Row:
        row = row_of(written, request.about)
        try:
            parsed = read_row(row, None)
        except ValueError as error:
            raise RefusedError(f"{INCOMPLETE}: {error}") from None
        problem = self._replayed(parsed)
        if problem.check:
            self._check_question(parsed, problem)
        return row

    def write(self, rows: Sequence[Row], file: Path) -> None:
        write_json(file, list(rows))

    def _questions(self, rng: Random) -> list[Row]:
        if len(self._seeds) >= EXAMPLES:
            return rng.sample(self._seeds, EXAMPLES)
        found: list[Row] = []
        while len(found) < EXAMPLES:  # ends: most kinds are questions, and short
            found += _generated(rng)
        return found

    def _replayed(self, parsed: Parsed) -> Problem:
        try:
            return replayed(parsed, self._program, self._limits)
        except DoesNotHoldError as error:
            raise RefusedError(str(error)) from None
        except EpisodeError as error:
            raise RefusedError(f"{BROKEN}: {error.what}") from None

    def _check_question(self, parsed: Parsed, problem: Problem) -> None:
        """Raises `RefusedError` for a question that can be answered without a look at its machine."""
        if (
            len(problem.answer) > 2
            and not problem.answer.isdigit()
            and _says(problem.question, problem.answer)
        ):
            raise RefusedError(f"{SAID}: {problem.answer[:60]!r}")
        if not problem.init:
            return
        try:
            bare = self._replayed(Parsed(replace(parsed.problem, init=()), parsed.example))
        except RefusedError:
            return
        if bare.answer == problem.answer:
            raise RefusedError(f"{INDEPENDENT}: {bare.answer[:60]!r}")


def row_of(written: Mapping[str, Any], topic: str) -> Row:
    """A task as AgentBench's os_interaction has it. Raises `RefusedError` where a part is missing."""
    description, gold, check = (
        text_of(written, key, LONGEST[key]) for key in ("description", "gold", "check")
    )
    init = text_of(written, "init", LONGEST["init"], empty=True)
    name = check.removeprefix("check/").removesuffix(".py")
    if name in CHECKS:
        checks: list[Any] = [None, {"language": "python", "file": f"check/{name}.py"}]
    else:
        checks = [{"language": "bash", "code": check}]
    return {
        "description": description,
        "create": {"init": init} if init else {},
        "evaluation": {"check": checks, "example": gold},
        "labels": [topic],
    }


def _says(question: str, answer: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(answer)}(?!\w)", question, re.IGNORECASE) is not None


def _generated(rng: Random) -> Iterator[Row]:
    """A question of the environment's generator, if the kind that is drawn is one and it is short."""
    problem = make(f"seed/{rng.random()}", rng.choice(KINDS), unseen=False)
    example = {
        "description": problem.question,
        "init": "\n".join(script.code for script in problem.init),
        "gold": problem.stages[-1].script,  # it alone prints the answer
        "check": problem.check,
    }
    if problem.check in CHECKS and not problem.start and len(json.dumps(example)) <= LONGEST_EXAMPLE:
        yield example


def _read_seeds(path: Path) -> Iterator[Row]:
    """Questions of a file whose scripts stand in it, in the form that a teacher is shown."""
    values = read_json(path)
    for value in values if isinstance(values, list) else ():
        try:
            parsed = read_row(value, None)
        except ValueError:
            continue
        if parsed.example is None or parsed.example.language != "bash" or parsed.problem.start:
            continue
        example = {
            "description": parsed.problem.question,
            "init": "\n".join(script.code for script in parsed.problem.init if script.language == "bash"),
            "gold": parsed.example.code,
            "check": parsed.problem.check,
        }
        if parsed.problem.check in CHECKS and len(json.dumps(example)) <= LONGEST_EXAMPLE:
            yield example
