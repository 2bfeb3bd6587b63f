"""The web shop: find, choose and buy what somebody asks for, with WebShop's pages, grammar and reward.

Two sources: `built` (a seeded catalogue of our own, nothing to download) and `webshop` (the files of
WebShop, Yao et al. 2022, arXiv 2207.01206, with up to 1.18 million products).

Invariant: a task's id starts with its source, so that a result on the built shop can never be mistaken
for WebShop's.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, get_args

from trajectune.environments.contract import Environment, Expert, Split, Task
from trajectune.environments.options import given_path, one_of, require_packages
from trajectune.environments.web_shop.episode import TOOLS, ShopEpisode
from trajectune.environments.web_shop.expert.routes import expert, opened
from trajectune.environments.web_shop.files.source import Goals, read_goals, split_of, store
from trajectune.environments.web_shop.generator.tasks import groups, shop, wish
from trajectune.environments.web_shop.shop.catalogue import Catalogue
from trajectune.environments.web_shop.shop.goal import Goal, goal
from trajectune.environments.web_shop.shop.pages import View
from trajectune.storage import Rejected
from trajectune.trajectory import Tool

Source = Literal["built", "webshop"]
PACKAGES = ("bm25s", "Stemmer", "rapidfuzz")
"""Of the extra `web-shop`: search, stemming, fuzzy likeness."""

NOTES: dict[Source, str] = {
    "built": "A made-up shop with made-up wishes; not WebShop's products, goals or numbers.",
    "webshop": "WebShop's products and goals; nouns and search by rules close to the original's.",
}

INSTRUCTION = """\
You are shopping in a web shop for somebody who tells you what to buy. In every round you see a page of \
the shop as text; [SEP] stands between its parts. You can do one thing in a round: search with keywords of \
your own, or click something that the page offers, by its name: a button, the code of a product in the \
results, or a value of one of its options.

A product's page shows its options, title and price. Description and Features tell more about it; < Prev \
leads back from there. Choose the values that were asked for before you click Buy Now: that buys the \
product and ends the task.

What counts is how much of the wish is met: the kind of thing, its features, the chosen options, and a \
price within the limit. There are ten rounds, so search with the words that matter and look before you \
buy."""


class WebShopEnvironment(Environment):
    """Wishes to be fulfilled in a shop.

    `source` is `built` (uses `seed`, `train`, `dev`, `test`: numbers of tasks, and `kinds`) or `webshop`
    (`path`: the folder with WebShop's files; `goals`: those written by people, or the `synthetic` ones).
    `view`: `actions` shows below each page what it offers, as AgentBench does; `text` only the page, as in
    the trajectories of AgentInstruct.
    """

    name: ClassVar[str] = "web_shop"
    tools: ClassVar[Sequence[Tool]] = TOOLS
    max_steps = 10

    def __init__(
        self,
        source: Source = "built",
        *,
        seed: int = 0,
        train: int = 600,
        dev: int = 60,
        test: int = 120,
        kinds: Sequence[str] | None = None,
        path: str | Path = "",
        goals: Goals = "human",
        view: View = "actions",
    ) -> None:
        one_of(self.name, "source", source, get_args(Source))
        one_of(self.name, "view", view, get_args(View))
        one_of(self.name, "goals", goals, get_args(Goals))
        if source == "webshop":
            path = given_path(self.name, source, "path", path)
        for kind in kinds or ():
            one_of(self.name, "kinds", kind, groups())
        self.note = NOTES[source]
        self._source: Source = source
        self._seed = seed
        self._sizes: dict[Split, int] = {"train": train, "dev": dev, "test": test}
        self._kinds = tuple(kinds or groups())
        self._folder = Path(path)
        self._goals: Goals = goals
        self._view: View = view
        self._rejected: list[Rejected] = []
        self._tasks: dict[Split, tuple[Task, ...]] = {}

    def tasks(self, split: Split) -> Sequence[Task]:
        if split not in self._tasks:
            require_packages(self.name, PACKAGES, "web-shop")
            if self._source == "built":
                self._tasks[split] = tuple(self._built(split, index) for index in range(self._sizes[split]))
            else:
                self._read_files()
        return self._tasks[split]

    @property
    def rejected(self) -> Sequence[Rejected]:
        """Rows of WebShop's files that could not be used, and why."""
        if self._source == "webshop":
            self.tasks("test")
        return self._rejected

    def instruction(self, task: Task) -> str:
        del task
        return INSTRUCTION

    def open(self, task: Task, seed: int = 0) -> ShopEpisode:
        """Enter the shop; nothing in a visit is random, so `seed` changes nothing."""
        del seed
        require_packages(self.name, PACKAGES, "web-shop")
        return ShopEpisode(self._catalogue(task.split), goal(task.data["goal"]), self._view)

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        """A shopper who reads what it is shown, on a way that is known to end well, or `None`."""
        del observation  # the wish in it is the task's own
        wanted = goal(task.data["goal"])
        return expert(self._catalogue(task.split), wanted, self.max_steps, f"{task.id}/{seed}")

    def _built(self, split: Split, number: int) -> Task:
        catalogue, group = self._catalogue(split), self._kinds[number % len(self._kinds)]

        def effort(wanted: Goal) -> int:
            return opened(catalogue, wanted, self.max_steps)

        wanted = wish(self._seed, split, number, group, effort)
        name = f"built/{split}-{self._seed}-{number:05d}-{group.replace(' ', '-')}"
        return Task(name, split, group, {"goal": wanted.data()})

    def _read_files(self) -> None:
        found, rejected = read_goals(self._folder, self._goals)
        self._rejected = [*store(self._folder).rejected, *rejected]
        tasks = [_from_files(number, wanted) for number, wanted in enumerate(found)]
        for split in get_args(Split):
            self._tasks[split] = tuple(task for task in tasks if task.split == split)

    def _catalogue(self, split: Split) -> Catalogue:
        if self._source == "webshop":
            return store(self._folder).catalogue
        return shop(self._seed, whole=split == "test")


def _from_files(number: int, wanted: Goal) -> Task:
    """The task of a goal from files; its kind is the department that its product stands in."""
    kind = wanted.path[0].lower() if wanted.path else "other"
    return Task(f"webshop/{number:05d}-{wanted.asin}", split_of(number), kind, {"goal": wanted.data()})
