"""From the options of the environment to a source of questions and its graph.

The idea: each source names the options that it needs; what is missing or wrong is said by its name. Nothing
is imported that the chosen source does not use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from trajectune.environments.contract import Split, Task
from trajectune.environments.knowledge_graph.graph.cache import ReplyCache
from trajectune.environments.knowledge_graph.graph.endpoint import EndpointGraph
from trajectune.environments.knowledge_graph.graph.store import Graph
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary
from trajectune.environments.knowledge_graph.sources.ontology import freebase_vocabulary
from trajectune.environments.knowledge_graph.sources.problem import Problem
from trajectune.environments.knowledge_graph.sources.questions import questions
from trajectune.environments.knowledge_graph.sources.rdf import load_rdf
from trajectune.errors import RecipeError
from trajectune.storage import Rejected


class QuestionSource(Protocol):
    """Where tasks come from."""

    @property
    def rejected(self) -> Sequence[Rejected]:
        """Rows that could not be used, and why."""
        ...

    @property
    def graph(self) -> Graph:
        """What the questions are about."""
        ...

    def tasks(self, split: Split) -> Sequence[Task]:
        """The tasks of a split, in a stable order."""
        ...

    def problem(self, task: Task) -> Problem:
        """The problem of one of them."""
        ...


@dataclass(frozen=True)
class Options:
    """What a user may set; see `KnowledgeGraphEnvironment`."""

    seed: int
    sizes: dict[Split, int]
    kinds: Sequence[str] | None
    path: str
    graph: str
    endpoint: str
    ontology: str
    seconds: float
    split: Split


def _generated(options: Options) -> QuestionSource:
    from trajectune.environments.knowledge_graph.generator.generated import GeneratedSource

    return GeneratedSource(options.seed, options.sizes, options.kinds)


def _metaqa(options: Options) -> QuestionSource:
    from trajectune.environments.knowledge_graph.sources.metaqa import metaqa

    return metaqa(_given(options.path, "path"), options.split)


def _agentbench(options: Options) -> QuestionSource:
    vocabulary = freebase_vocabulary(Path(options.ontology) if options.ontology else None)
    return _questions(options, vocabulary)


def _own(options: Options) -> QuestionSource:
    return _questions(options, Vocabulary(inverse=True))


def _questions(options: Options, vocabulary: Vocabulary) -> QuestionSource:
    rejected: list[Rejected] = []
    path = _given(options.path, "path")
    if bool(options.graph) == bool(options.endpoint):
        raise RecipeError(
            "Questions need one graph: a file or an endpoint.",
            where="options graph and endpoint",
            remedy="set graph: FILE (any RDF), or endpoint: http://HOST/sparql",
        )
    if options.endpoint:
        graph: Graph = EndpointGraph(options.endpoint, vocabulary, options.seconds, ReplyCache())
    else:
        graph = load_rdf(Path(options.graph), vocabulary, rejected)
    return questions(path, graph, options.split, rejected)


def _given(value: str, option: str) -> Path:
    if not value:
        raise RecipeError(
            f"This source of questions needs {option!r}.",
            where=f"option {option}",
            remedy=f"set {option}: PATH",
        )
    return Path(value).expanduser()


SOURCES: dict[str, Callable[[Options], QuestionSource]] = {
    "generated": _generated,
    "metaqa": _metaqa,
    "agentbench": _agentbench,
    "questions": _own,
}
