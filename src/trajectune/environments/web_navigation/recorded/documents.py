"""Tasks over installed HTML pages: links to follow and fields to fill in, drawn by seed.

The idea: a record is made by walking real links. It starts on a page of a package, follows two or three
links by their words, and, where the page has one, fills in a field first. The pages are recorded, so each
step is judged alone, as on Mind2Web's.

What there is depends on what is installed: packages that are not here are counted in `rejected`, and the
same seed gives the same tasks only on machines with the same pages. No built-in task depends on this
source.

Invariant: every record has at least two steps, and on each page the words of a right link are its alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from trajectune.environments.contract import Split, Task
from trajectune.environments.web_navigation.page.page import Page
from trajectune.environments.web_navigation.page.parse import require_parser
from trajectune.environments.web_navigation.recorded import installed
from trajectune.environments.web_navigation.recorded.installed import Package
from trajectune.environments.web_navigation.recorded.walk import RecordedStep, RecordedWalk
from trajectune.environments.web_navigation.walk import Act, told
from trajectune.errors import EpisodeError, UnavailableError
from trajectune.storage import Rejected

PACKAGES: Mapping[Split, tuple[str, ...]] = {
    "train": ("nodejs", "valgrind", "libxslt1-dev", "libffi8", "mkdocs", "git", "bash"),
    "dev": ("libtasn1", "textworld", "make-doc", "gawk-doc"),
    "test": ("shared-mime-info", "libexpat1-dev", "python3", "sphinx", "fontconfig"),
}
"""Folders of pages by split, so that test pages are never trained on. Few machines have them all."""
TRIES = 30
"""Draws for one task."""
QUERIES = ("installation", "license", "options", "errors", "examples", "version", "index", "memory")
FRAMES = (
    'In the pages of {package}, start at "{title}": {steps}.',
    'You are at "{title}" of the {package} documentation. {Steps}.',
    '{Steps} (from "{title}", {package}).',
)
JOINS = (", then ", " and after that ", "; next, ")


class DocumentSource:
    """Tasks over installed pages: `sizes` of them in each split, as far as the pages go."""

    def __init__(
        self, seed: int, sizes: Mapping[Split, int], roots: tuple[Path, ...] = installed.ROOTS
    ) -> None:
        require_parser()
        self.rejected: list[Rejected] = []
        self._seed = seed
        self._sizes = sizes
        self._packages: dict[Split, list[Package]] = {}
        self._tasks: dict[Split, list[Task]] = {}
        for split, names in PACKAGES.items():
            self._packages[split], missing = installed.find(list(names), roots)
            for name in missing:
                number = len(self.rejected) + 1
                self.rejected.append(Rejected(number, f"package {name}: no HTML pages are installed"))
        if not any(self._packages.values()):
            raise UnavailableError(
                "No package with HTML pages is installed.",
                where=", ".join(map(str, roots)),
                remedy="install one with pages, such as: apt-get install valgrind; or use source: sites",
            )

    def tasks(self, split: Split) -> list[Task]:
        """Up to as many tasks as were asked for; no two have the same words."""
        if split not in self._tasks:
            drawn = [self._task(split, number) for number in range(self._sizes[split])]
            self._tasks[split] = list({task.data["task"]: task for task in drawn if task}.values())
        return self._tasks[split]

    def walk(self, task: Task) -> RecordedWalk:
        """A fresh pass over a task's pages."""
        package = Package(str(task.data["package"]), Path(str(task.data["root"])))
        steps = [_step(package, step, task) for step in task.data["steps"]]
        return RecordedWalk(str(task.data["task"]), steps, forced=task.split == "train")

    def _task(self, split: Split, number: int) -> Task | None:
        rng = Random(f"{self._seed}/{split}/{number}")
        for _ in range(TRIES if self._packages[split] else 0):
            package = rng.choice(self._packages[split])
            steps = _walked(rng, package)
            first = package.page(steps[0]["file"]) if len(steps) > 1 else None
            if first is not None:
                data = {"package": package.name, "root": str(package.root), "steps": steps}
                kind = "field" if steps[0]["operation"] == "TYPE" else "link"
                words = _words(rng, package.name, installed.title(first) or steps[0]["file"], steps)
                return Task(
                    f"documents-{self._seed}-{split}-{number}", split, kind, {**data, "task": words}
                )
        return None


def _walked(rng: Random, package: Package) -> list[dict[str, Any]]:
    """Steps of a record: where, what, and with which words."""
    file, steps = rng.choice(package.files), list[dict[str, Any]]()
    for number in range(rng.choice((2, 2, 3))):
        page = package.page(file)
        if page is None:
            break
        named = installed.fields(page) if number == 0 else {}
        if named and rng.random() < 0.5:
            name = rng.choice(sorted(named))
            steps.append({"file": file, "operation": "TYPE", "name": name, "value": rng.choice(QUERIES)})
            continue
        ways = installed.links(package, file, page)
        taken = {step["name"] for step in steps}
        names = sorted(text for text in ways if text not in taken)
        if not names:
            break
        name = rng.choice(names)
        steps.append({"file": file, "operation": "CLICK", "name": name, "value": ""})
        file = ways[name]
    return steps


def _words(rng: Random, package: str, title: str, steps: Sequence[Mapping[str, Any]]) -> str:
    """The task in the user's words."""
    parts = [
        f'type "{step["value"]}" into "{step["name"]}"'
        if step["operation"] == "TYPE"
        else f'follow the link "{step["name"]}"'
        for step in steps
    ]
    said = rng.choice(JOINS).join(parts)
    upper = said[:1].upper() + said[1:]
    return rng.choice(FRAMES).format(package=package, title=title, steps=said, Steps=upper)


def _step(package: Package, step: Mapping[str, Any], task: Task) -> RecordedStep:
    page = package.page(step["file"])
    if page is None:
        raise EpisodeError(
            "A page of this task cannot be read any more.",
            where=f"{package.root / step['file']} ({task.id})",
            remedy="list the tasks anew",
        )
    right = tuple(Act(key, step["operation"], step["value"]) for key in _right(page, step))
    return RecordedStep(partial(_given, page), right, told(page, right[0]))


def _right(page: Page, step: Mapping[str, Any]) -> list[str]:
    """Keys of the elements that a step may mean: the field, or every link with the same words."""
    if step["operation"] == "TYPE":
        return [installed.fields(page)[step["name"]].key]
    named = page.candidates.items()
    return [key for key, each in named if each.tag == "a" and each.text == step["name"]]


def _given(page: Page) -> Page:
    return page
