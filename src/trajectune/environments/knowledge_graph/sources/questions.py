"""Questions from a JSON list: AgentBench's own files, and anyone's in the same spirit.

A row has `question`, `entities` (name → identifier), and what is right: `answer` (AgentBench: a list of
objects with `answer_argument`) or `answers` (a list of identifiers and texts). `actions` are the gold
calls, written as AgentBench does (`get_neighbors(#0,music.release.track)`); `s_expression` is the gold as a
logical form. A row without answers may have either; the graph then says what is right. An identifier is an
IRI, or a name of the vocabulary (`m.0zd6`).

Invariants: rows in = tasks + rejected; whatever a row holds, its identifiers are IRIs that may stand in a
query, or it is rejected.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trajectune.dialects.agentbench.knowledge_graph import function_call
from trajectune.environments.contract import Split, Task
from trajectune.environments.knowledge_graph.graph.sexpression import read
from trajectune.environments.knowledge_graph.graph.store import Graph, HeavyQueryError
from trajectune.environments.knowledge_graph.graph.terms import is_iri
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary
from trajectune.environments.knowledge_graph.sources.problem import GoldCall, Problem
from trajectune.environments.knowledge_graph.sources.replay import answers_of
from trajectune.environments.knowledge_graph.tools import ARGUMENTS
from trajectune.errors import DataError
from trajectune.storage import Rejected, read_json

UNUSABLE = (KeyError, TypeError, ValueError, AttributeError, IndexError)
"""What a row raises that is not as it should be."""
MAX_QUESTION = 2_000


class FileSource:
    """Questions read from a file, over a graph; all of them are in one split."""

    def __init__(
        self, graph: Graph, problems: Mapping[str, Problem], rejected: Sequence[Rejected], split: Split
    ) -> None:
        self.graph = graph
        self.problems = problems
        self.rejected = rejected
        self.split: Split = split

    def tasks(self, split: Split) -> list[Task]:
        """The tasks, in the order of the file."""
        if split != self.split:
            return []
        return [Task(id, split, problem.kind, {"id": id}) for id, problem in self.problems.items()]

    def problem(self, task: Task) -> Problem:
        """The problem of a task of `tasks`."""
        return self.problems[task.id]


def questions(path: Path, graph: Graph, split: Split, rejected: list[Rejected]) -> FileSource:
    """The questions of a file. Raises `DataError` where it is no list or holds no usable row."""
    problems: dict[str, Problem] = {}
    for number, row in enumerate(rows(path), 1):
        try:
            problem = read_problem(row, graph.vocabulary)
            problems[_id(path, number, row)] = problem if problem.answers else _solved(problem, row, graph)
        except UNUSABLE as error:
            rejected.append(Rejected(number, f"{type(error).__name__}: {error}"))
    if not problems:
        raise DataError(
            "No question could be read.",
            where=str(path),
            remedy="Give a JSON list of objects with question, entities and answers.",
        )
    return FileSource(graph, problems, rejected, split)


def rows(path: Path) -> list[Any]:
    """The rows of a file of questions. Raises `DataError` where it is no list."""
    found = read_json(path)
    if not isinstance(found, list):
        raise DataError(
            "Not a list of questions.", where=str(path), remedy="A JSON list of objects is needed."
        )
    return found


def read_problem(row: Mapping[str, Any], vocabulary: Vocabulary) -> Problem:
    """The problem of a row; its answers are empty where the row has none. Raises one of `UNUSABLE`."""
    question = " ".join(_text(row["question"]).split())
    if not 0 < len(question) <= MAX_QUESTION:
        raise ValueError(f"a question of {len(question)} characters")
    # A thing without a name goes by its identifier.
    entities = {_name(name or thing): _iri(thing, vocabulary) for name, thing in row["entities"].items()}
    if not entities:
        raise ValueError("no entity to start from")
    names = {thing: name for name, thing in entities.items()}
    gold = tuple(_gold(_text(action), names, vocabulary) for action in row.get("actions") or ())
    kind = str(row.get("kind") or row.get("source") or "question")
    return Problem(question, kind, entities, _answers(row, vocabulary), gold)


def _answers(row: Mapping[str, Any], vocabulary: Vocabulary) -> frozenset[str]:
    found = [_text(each["answer_argument"]) for each in row.get("answer") or ()]
    found += [_text(each) for each in row.get("answers") or ()]
    return frozenset(each.removeprefix(vocabulary.base) for each in found)


def _gold(action: str, names: Mapping[str, str], vocabulary: Vocabulary) -> GoldCall:
    """A gold call, with the names of entities in place of their identifiers."""
    call = function_call(action)
    if call is None or call.name not in ARGUMENTS or tuple(call.arguments) != ARGUMENTS[call.name]:
        raise ValueError(f"not a call of a tool: {action[:80]!r}")
    first, *rest = (str(value) for value in call.arguments.values())
    return GoldCall(call.name, (names.get(vocabulary.iri(first), first), *rest))


def _solved(problem: Problem, row: Mapping[str, Any], graph: Graph) -> Problem:
    """The problem with what its gold finds for answers."""
    answers = answers_of(graph, problem.entities, problem.gold) if problem.gold else frozenset()
    if not answers and "s_expression" in row:
        program = read(_text(row["s_expression"]), lambda name: _iri(name, graph.vocabulary))
        try:
            answers = graph.values(program)
        except HeavyQueryError as error:
            raise ValueError(f"its gold cannot be evaluated: {error.what}") from None
    if not answers:
        raise ValueError("no answer: neither stated, nor found by actions or s_expression")
    return Problem(problem.question, problem.kind, problem.entities, answers, problem.gold)


def _id(path: Path, number: int, row: Mapping[str, Any]) -> str:
    """Number first, so that two rows of one `qid` stay apart."""
    qid = row.get("qid")
    return f"{path.stem}-{number}-{qid}" if isinstance(qid, str) else f"{path.stem}-{number}"


def _iri(name: Any, vocabulary: Vocabulary) -> str:
    iri = vocabulary.iri(_text(name))
    if not is_iri(iri):
        raise ValueError(f"not an identifier: {iri[:80]!r}")
    return iri


def _name(name: Any) -> str:
    """The name of an entity as it is shown: on one line."""
    shown = " ".join(_text(name).split())
    if not shown or shown.startswith("#"):
        raise ValueError(f"not a name of an entity: {shown[:80]!r}")
    return shown


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected a text, found {type(value).__name__}")
    return value
