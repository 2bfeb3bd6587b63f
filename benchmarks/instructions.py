"""How many tasks instruction construction makes, and why the others are rejected.

    python benchmarks/instructions.py --data FOLDER --model NAME=FOLDER --work FOLDER --out FILE

Task derivation runs over the question sets of BIRD and Spider below `--data`. For Self-Instruct each model
is served by `trajectune serve`, and is asked for tasks of both kinds through the API. `--work` keeps what
was written: the same command goes on there, and Ctrl-C keeps what there is.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from harness.machine import machine
from harness.results import dumps
from trajectune import Endpoint, derive, invent
from trajectune.errors import DataError
from trajectune.instructions.outcome import Construction
from trajectune.storage import read_jsonl, write_json

SETS = {
    "BIRD, superhero": ("bird/superhero_questions.json", "bird/superhero.sqlite"),
    "Spider, dev": ("intercode/spider_dev.json", "intercode/spider_dbs.mysql.sql"),
}
KINDS = ("operating_system", "database")
SAMPLES = 5
"""Accepted tasks of each kind that the results show."""


def main() -> None:
    """Derive, invent, print the funnels, keep the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--model", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--requests", type=int, default=60)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, Any] = {"derived": {name: derived(options, name) for name in SETS}, "written": {}}
    for pair in options.model:
        name, _, folder = pair.partition("=")
        found["written"][name] = written(options, name, folder)
        print(dumps(found["written"][name]))
    if options.out:
        whole = machine() | {"dtype": options.dtype} | found
        write_json(options.out, whole | {"command": re.sub(r"=/\S*", "=FOLDER", whole["command"])})


def derived(options: argparse.Namespace, name: str) -> dict[str, Any]:
    """The funnel of one question set."""
    questions, databases = (options.data / part for part in SETS[name])
    started = time.monotonic()
    made = derive(questions, databases, to=options.work / "derived" / questions.stem)
    return _funnel(made.counts) | {"seconds": round(time.monotonic() - started, 1)}


def written(options: argparse.Namespace, name: str, folder: str) -> dict[str, Any]:
    """The funnels of one teacher, which is served where it has something left to answer."""
    works = {kind: options.work / name / kind for kind in KINDS}
    left = any(answered(work) < options.requests for work in works.values())
    with served(folder, name, options.dtype) if left else nullcontext("http://nobody/v1") as url:
        for kind, work in works.items():
            write(options, name, url, kind, work)
    return {
        kind: _funnel(Construction.load(work)) | {"tasks": samples(work)} for kind, work in works.items()
    }


def write(options: argparse.Namespace, name: str, url: str, kind: str, work: Path) -> None:
    """Let the teacher write tasks of one kind; none at all is a result too."""
    teacher = Endpoint(url, name, temperature=0.8, max_new_tokens=600, timeout=1_800)
    try:
        invent(kind, teacher, to=work, tasks=10_000, requests=options.requests)
    except (DataError, KeyboardInterrupt) as error:
        print(f"{name}, {kind}: {error!r}", file=sys.stderr)
    finally:
        teacher.close()


def answered(work: Path) -> int:
    """Replies that are there."""
    file = work / "replies.jsonl"
    return sum(1 for _ in read_jsonl(file)) if file.is_file() else 0


@contextmanager
def served(model: str, name: str, dtype: str) -> Iterator[str]:
    """The address of a model behind `trajectune serve`."""
    command = [sys.executable, "-m", "trajectune.cli.entry", "serve", model, "--name", name]
    options = ["--port", "0", "--dtype", dtype]
    with subprocess.Popen([*command, *options], stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None  # it is piped
        try:
            for line in process.stderr:
                if match := re.search(r"is served at (\S+);", line):
                    yield match[1]
                    return
            raise RuntimeError("the model was not served")
        finally:
            process.terminate()


def samples(work: Path) -> list[dict[str, str]]:
    """The first tasks that were accepted: what is asked, and what solves it."""
    rows = [row for reply in read_jsonl(work / "replies.jsonl") for row in reply.value["accepted"]]
    return [
        {"description": row["description"], "gold": row["evaluation"]["example"]}
        if "evaluation" in row
        else {"description": row["description"], "gold": row["label"][0]}
        for row in rows[:SAMPLES]
    ]


def _funnel(counts: Construction) -> dict[str, Any]:
    return counts.model_dump(mode="json", exclude={"environment", "teacher"}) | {"share": counts.ratio}


if __name__ == "__main__":
    main()
