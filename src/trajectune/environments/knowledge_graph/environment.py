"""The knowledge graph environment: questions answered by walking a graph through seven tools.

The idea: the agent sees a question and the entities that it names; it lists relations, follows them,
intersects, ranks and counts variables that it never sees the members of, and commits the one that is the
answer. Rules and scores are those of AgentBench's knowledge graph (arXiv 2308.03688). Questions come from a
seeded generator over a built-in graph of real facts, from MetaQA, or from files, over any RDF file or
SPARQL endpoint.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar, Literal, get_args

from trajectune.environments.contract import Expert, Split, Task
from trajectune.environments.knowledge_graph.episode import KnowledgeGraphEpisode
from trajectune.environments.knowledge_graph.expert.expert import expert
from trajectune.environments.knowledge_graph.sources.options import SOURCES, Options, QuestionSource
from trajectune.environments.knowledge_graph.tools import TOOLS
from trajectune.environments.options import one_of
from trajectune.environments.sourced import SourcedEnvironment
from trajectune.errors import RecipeError
from trajectune.trajectory import Tool

Source = Literal["generated", "metaqa", "agentbench", "questions"]
MAX_SECONDS = 600
"""The longest that a recipe may give a query."""

INSTRUCTION = (
    "You answer questions from a knowledge graph. It is too large to read, so you explore it step by step: "
    "you list the relations of an entity that the question names, follow the one that leads towards the "
    "answer, and go on from what you get. What you get is a variable: a set of things that you do not see, "
    "called #0, #1 and so on in the order in which they are made; you are told only what kind of things "
    "are in it. Two variables of the same kind can be intersected. Where the question asks for the first "
    "or the last by some number, list the attributes of a variable and take the largest or the smallest; "
    "where it asks how many, count. List relations before you follow one, and attributes before you "
    "compare by one. Say briefly in every turn what you are looking for and why, then make one call. "
    "Commit the variable that is the answer. You have 15 turns."
)
NOTES: dict[str, str] = {
    "generated": "Generated questions over a built-in graph; not AgentBench's tasks or numbers.",
    "metaqa": "MetaQA's questions with AgentBench's tools; not numbers of either benchmark.",
}
"""By source; AgentBench's own questions and a user's need no note."""


class KnowledgeGraphEnvironment(SourcedEnvironment[QuestionSource]):
    """Questions over a knowledge graph.

    `source` is `generated` (uses `seed`, `train`, `dev`, `test`: numbers of tasks, and `kinds`), `metaqa`
    (`path`: its folder), `agentbench` (`path`: its JSON; `endpoint`: where Freebase answers; `ontology`:
    its folder of the same name), or `questions` (`path`: a JSON list; the graph is an RDF file, `graph`, or
    an `endpoint`). Questions from files all belong to `split`. `seconds` limits one query of an endpoint.
    `repair` is the share of the expert's episodes that begin with a mistake.
    """

    name = "knowledge_graph"
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
        path: str | Path = "",
        graph: str | Path = "",
        endpoint: str = "",
        ontology: str | Path = "",
        seconds: float = 30.0,
        split: Split = "test",
        repair: float = 0.12,
    ) -> None:
        _check("repair", repair, 0 <= repair <= 1, "a share from 0 to 1")
        _check("seconds", seconds, 0 < seconds <= MAX_SECONDS, f"above 0, up to {MAX_SECONDS}")
        one_of(self.name, "split", split, get_args(Split))
        self.note = NOTES.get(source, "")
        self.repair = repair
        sizes: dict[Split, int] = {"train": train, "dev": dev, "test": test}
        self.source = _source(
            source,
            Options(seed, sizes, kinds, str(path), str(graph), endpoint, str(ontology), seconds, split),
        )

    def open(self, task: Task, seed: int = 0) -> KnowledgeGraphEpisode:
        """Start an episode; nothing in this environment is random, so `seed` changes nothing."""
        del seed
        return KnowledgeGraphEpisode(self.source.graph, self.source.problem(task))

    def expert(self, task: Task, observation: str, seed: int = 0) -> Expert | None:
        """A solver from the gold calls; `None` where there are none that earn the reward."""
        del observation  # the problem says it all
        return expert(self.source.graph, self.source.problem(task), f"{task.id}/{seed}", self.repair)


def _check(option: str, value: object, holds: bool, expected: str) -> None:
    if not holds:
        raise RecipeError(
            f"The knowledge_graph environment has no {option} {value!r}.",
            where=f"option {option}",
            remedy=f"set it: {expected}",
        )


def _source(source: str, options: Options) -> QuestionSource:
    """The source of questions of this name. What it needs is imported when it is built."""
    one_of("knowledge_graph", "source", source, SOURCES)
    return SOURCES[source](options)
