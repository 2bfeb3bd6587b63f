"""What a variable stands for: a program over the graph, built call by call and evaluated when it is needed.

The idea: AgentBench's variables are logical forms, not lists of results (arXiv 2308.03688; the forms are
GrailQA's, arXiv 2011.07743). `get_neighbors` wraps a program into a `Join`, `intersection` pairs two, and
only listing relations or answering asks the graph. Programs are values: equal programs are the same
variable.

Invariant: a program's size is bounded by who builds it (`size`), since its query grows with it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Entity:
    """One node."""

    iri: str


@dataclass(frozen=True, slots=True)
class Instances:
    """All instances of a class."""

    iri: str


@dataclass(frozen=True, slots=True)
class Join:
    """What the relation leads to from `source`; with `inverse`, what it leads from."""

    relation: str
    source: Program
    inverse: bool = False


@dataclass(frozen=True, slots=True)
class Intersection:
    """What is in both."""

    left: Program
    right: Program


@dataclass(frozen=True, slots=True)
class Extreme:
    """Those of `source` whose attribute is the largest, or the smallest; all of them where some tie."""

    source: Program
    attribute: str
    largest: bool


@dataclass(frozen=True, slots=True)
class Count:
    """How many there are: a number, which no other program may take."""

    source: Program


Program = Entity | Instances | Join | Intersection | Extreme | Count


def children(program: Program) -> tuple[Program, ...]:
    """The programs that a program is made of."""
    match program:
        case Join(source=source) | Extreme(source=source) | Count(source=source):
            return (source,)
        case Intersection(left, right):
            return (left, right)
    return ()


def entities(program: Program) -> Iterator[str]:
    """IRIs of the entities in a program; one that stands twice comes twice."""
    if isinstance(program, Entity):
        yield program.iri
    for child in children(program):
        yield from entities(child)


def size(program: Program) -> int:
    """How much query text a program makes, in patterns; an extreme writes its source twice."""
    whole = 1 + sum(size(child) for child in children(program))
    return 2 * whole if isinstance(program, Extreme) else whole
