"""The web navigation environment: Mind2Web as AgentBench plays it, on pages that live or were recorded.

The idea: the agent sees a part of a page and five of its elements, and says which one comes next and what
to do with it (`CLICK`, `SELECT`, `TYPE`). Two sources of pages: `sites` (seeded sites of our own, which
change with what the agent does) and recorded pages, on which each step is judged alone and the next
recorded page follows whatever was chosen: `mind2web` (Mind2Web's files) and `documents` (HTML that is
installed here).

Invariant: a task's id starts with its source, so that a result on sites of our own can never be mistaken
for one on Mind2Web.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, get_args

from trajectune.environments.contract import Expert, Split, Task
from trajectune.environments.options import given_path, one_of
from trajectune.environments.sourced import SourcedEnvironment
from trajectune.environments.web_navigation.episode import TOOL, WebNavigationEpisode
from trajectune.environments.web_navigation.expert.expert import earns, expert
from trajectune.environments.web_navigation.ranking.lexical import LexicalRanker
from trajectune.environments.web_navigation.ranking.ranker import Ranker
from trajectune.environments.web_navigation.recorded.documents import DocumentSource
from trajectune.environments.web_navigation.recorded.mind2web import Mind2WebSource
from trajectune.environments.web_navigation.sites.generated import GeneratedSource
from trajectune.errors import RecipeError
from trajectune.trajectory import Tool

INSTRUCTION = (
    "You carry out a task on a web site, one element at a time. You are shown a part of the current "
    "page, what was done before, and a few elements of the page as choices. Say briefly what you look "
    "for, then answer: the letter of the element that comes next, the action on it (CLICK for links, "
    "buttons and boxes, SELECT for lists, TYPE for text fields) and, for SELECT and TYPE, the value. "
    "The choices are a selection: when none of them brings the task forward, answer that none of the "
    "above is right, and others may be shown. Chosen elements may come up again against each other; the "
    "one that is left is acted on. Give values exactly as the task has them. What you set takes effect "
    "with the button that sends, saves, books or confirms it."
)

Source = Literal["sites", "mind2web", "documents"]
NOTES: dict[str, str] = {
    "sites": "Generated sites; not Mind2Web's pages or numbers.",
    "mind2web": "Mind2Web's files; candidates are ranked by `ranker`, not by Mind2Web's own scores.",
    "documents": "Installed HTML pages; not Mind2Web's pages or numbers.",
}


class WebNavigationEnvironment(SourcedEnvironment[GeneratedSource | DocumentSource | Mind2WebSource]):
    """Tasks on web pages, decided by multiple-choice questions.

    `source` is `sites` (generated; uses `kinds`), `mind2web` (`path`: a file or a folder of Mind2Web's
    JSON; `split`: of all its tasks, in place of what the names of files say) or `documents` (installed
    HTML, needs the extra). `seed`, `train`, `dev`, `test`: which generated tasks, and how many in each
    split. `top_k`: candidates that are asked about at once. `ranker`: a folder or a name of a
    sequence-classification model that ranks candidates; words in common where it is empty. `stray`: the
    share of the expert's episodes on sites in which it first follows a wrong link, which is shown and not
    trained.
    """

    name = "web_navigation"
    rules = INSTRUCTION
    tools: ClassVar[Sequence[Tool]] = (TOOL,)
    max_steps = 60
    reward_threshold = 2 / 3

    def __init__(
        self,
        source: Source = "sites",
        *,
        seed: int = 0,
        train: int = 600,
        dev: int = 60,
        test: int = 120,
        kinds: Sequence[str] | None = None,
        path: str | Path = "",
        split: Split | None = None,
        top_k: int = 10,
        ranker: str = "",
        stray: float = 0.12,
    ) -> None:
        if top_k < 1:
            raise RecipeError(
                f"top_k is {top_k}.", where="option top_k", remedy="Ask about at least one candidate."
            )
        one_of(self.name, "source", source, NOTES)
        if split is not None:
            one_of(self.name, "split", split, get_args(Split))
        self.note = NOTES[source]
        self.ranker = _ranker(ranker)
        self._top_k = top_k
        self._stray = stray
        sizes: dict[Split, int] = {"train": train, "dev": dev, "test": test}
        if source == "sites":
            self.source = GeneratedSource(seed, sizes, kinds)
        elif source == "documents":
            self.source = DocumentSource(seed, sizes)
        else:
            self.source = Mind2WebSource(given_path(self.name, source, "path", path), split)

    def open(self, task: Task, seed: int = 0) -> WebNavigationEpisode:
        """Start an episode; the order of choices follows from the task, so `seed` changes nothing."""
        del seed
        return WebNavigationEpisode(self.source.walk(task), self.ranker, self._top_k, task.id)

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        """A solver that knows the right elements; `None` where they are not all among the candidates."""
        del observation  # it plays an episode of its own
        if not earns(self.source.walk(task), self.ranker, self._top_k):
            return None
        return expert(self.open(task), f"{task.id}/{seed}", self._stray)


def _ranker(name: str) -> Ranker:
    if not name:
        return LexicalRanker()
    from trajectune.environments.web_navigation.ranking.cross_encoder import (  # torch takes seconds
        CrossEncoderRanker,
    )

    return CrossEncoderRanker(name)
