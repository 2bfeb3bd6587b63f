"""Mind2Web's files: JSON lists of recorded tasks with their pages and candidates (arXiv 2306.06070).

A task has `annotation_id`, `website`, `confirmed_task`, `action_reprs` and `actions`; an action has
`action_uid`, `operation` (`op`, `value`), `pos_candidates` and `neg_candidates` (each with
`backend_node_id`) and `cleaned_html`. Everything else is left alone. Mind2Web's own scores of candidates
are a pickle, which is never read here: candidates are ranked anew.

The split follows from the name of a file (`train_3.json`, `test_domain_0.json`), or from the option
`split`. In train tasks, a right element is always among the candidates, as in Mind2Web's training data, and
steps without any right element are left out; in the other splits such steps count as wrong.

Invariant: a task is kept whole, or rejected with its place in the file and the reason.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from trajectune.environments.contract import Split, Task
from trajectune.environments.web_navigation.page.element import shortened, tidy
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.page.parse import read_xml
from trajectune.environments.web_navigation.recorded.walk import RecordedStep, RecordedWalk
from trajectune.environments.web_navigation.walk import MAX_DONE, OPERATIONS, Act
from trajectune.errors import DataError
from trajectune.storage import Rejected, json_type, read_json

UNUSABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What a row raises that is not as it should be."""


@dataclass(frozen=True)
class Record:
    """A task of a file."""

    id: str
    kind: str
    """The file's name without its number: `train`, `test_task`, `test_website`, `test_domain`."""
    wish: str
    steps: tuple[RecordedStep, ...]


@dataclass(frozen=True, eq=False)
class KeptPage:
    """A page as it is kept in memory, packed: a split of Mind2Web has thousands."""

    packed: bytes
    candidates: tuple[str, ...]
    """Node ids of the elements that may be chosen."""

    def __call__(self) -> Page:
        return _page(self)


@lru_cache(maxsize=32)
def _page(kept: KeptPage) -> Page:
    """The tree of a kept page; the agent and its expert ask for it in turn."""
    wanted = set(kept.candidates)
    tree = read_xml(zlib.decompress(kept.packed).decode("utf-8"))
    return Page(tree, [element for element in tree.walk() if element.key in wanted])


class Mind2WebSource:
    """The tasks of a file, or of all `.json` files of a folder."""

    def __init__(self, path: Path, split: Split | None) -> None:
        """`split`: of all tasks; `None` takes it from the names of files."""
        self.rejected: list[Rejected] = []
        self._records: dict[str, Record] = {}
        self._splits: dict[str, Split] = {}
        for file in _files(path):
            self._read(file, split or split_of(file))
        if not self._records:
            raise DataError(
                f"No task of Mind2Web could be read ({len(self.rejected)} rows were rejected).",
                where=str(path),
                remedy="Give Mind2Web's train_*.json or test_*.json, or a folder of them.",
            )

    def tasks(self, split: Split) -> list[Task]:
        """The tasks of a split, in the order of the files."""
        return [
            Task(id, split, record.kind, {"id": id})
            for id, record in self._records.items()
            if self._splits[id] == split
        ]

    def walk(self, task: Task) -> RecordedWalk:
        """A fresh pass over a task's record."""
        record = self._records[task.id]
        return RecordedWalk(record.wish, record.steps, forced=task.split == "train")

    def _read(self, file: Path, split: Split) -> None:
        rows = read_json(file)
        if not isinstance(rows, list):
            raise DataError(
                "Not a list of tasks.", where=str(file), remedy="Mind2Web's files hold one JSON list each."
            )
        for number, row in enumerate(cast("list[Any]", rows), 1):
            try:
                record = _record(row, file, train=split == "train")
                if record.id in self._records:
                    raise ValueError(f"a second task with the id {record.id}")
            except UNUSABLE as error:
                said = f"no {error}" if isinstance(error, KeyError) else str(error)
                self.rejected.append(Rejected(number, f"{file.name}: {said}"))
            else:
                self._records[record.id] = record
                self._splits[record.id] = split


def split_of(file: Path) -> Split:
    """Mind2Web's name of a file says its split; what it does not name is `test`."""
    return "train" if file.name.startswith("train") else "test"


def _files(path: Path) -> list[Path]:
    files = sorted(path.glob("*.json")) if path.is_dir() else [path]
    if not files:
        raise DataError(
            "There is no .json file.", where=str(path), remedy="Give Mind2Web's folder of data."
        )
    return files


def _record(row: Any, file: Path, *, train: bool) -> Record:
    if not isinstance(row, dict):
        raise TypeError(f"expected a JSON object, found {json_type(row)}")
    wish, actions, reprs = row["confirmed_task"], row["actions"], row["action_reprs"]
    if not isinstance(wish, str) or not wish.strip():
        raise ValueError("confirmed_task is no text")
    if len(actions) != len(reprs):
        raise ValueError(f"{len(actions)} actions, but {len(reprs)} action_reprs")
    steps: list[RecordedStep] = []
    for number, (action, told) in enumerate(zip(actions, reprs, strict=True), 1):
        try:
            step = _step(action, str(told))
        except UNUSABLE as error:
            said = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(f"action {number}: {said}") from None
        steps += [] if train and not step.right else [step]
    if not steps:
        raise ValueError("no action has a right element on its page")
    return Record(f"mind2web-{row['annotation_id']}", file.stem.rstrip("0123456789_"), wish, tuple(steps))


def _step(action: Mapping[str, Any], told: str) -> RecordedStep:
    html, operation = action["cleaned_html"], action["operation"]
    op, value = operation["op"], tidy(str(operation.get("value") or ""))
    if op not in OPERATIONS:
        raise ValueError(f"operation {op!r} is none of {', '.join(OPERATIONS)}")
    right, wrong = (_ids(action[name]) for name in ("pos_candidates", "neg_candidates"))
    there = {element.key for element in read_xml(html).walk()}
    candidates = [key for key in dict.fromkeys([*right, *wrong]) if key in there]
    if not candidates:
        raise ValueError("none of its candidates is on the page")
    acts = [Act(key, op, "" if op == "CLICK" else value) for key in right if key in there]
    kept = KeptPage(zlib.compress(html.encode("utf-8"), 1), tuple(candidates))
    return RecordedStep(kept, tuple(acts), shortened(tidy(told), MAX_DONE))


def _ids(candidates: Sequence[Mapping[str, Any]]) -> list[str]:
    return [str(candidate["backend_node_id"]) for candidate in candidates]
