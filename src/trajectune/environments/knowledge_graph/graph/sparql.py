"""One SPARQL query of a program: its values, or the relations and attributes that its values have.

The idea: every step of a program is a `SELECT DISTINCT` inside the next one, so that a chain of ten
relations costs ten scans and never counts paths. As in AgentBench, the entities that a program starts from
are not among its values (the films of a film's director are the others) and set no record; superlatives
give all that tie, and counts count different values.

Invariants: a query holds IRIs of the program and of the vocabulary alone, each through `iri_text`;
its length is linear in `program.size`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import count

from trajectune.environments.knowledge_graph.graph.program import (
    Count,
    Entity,
    Extreme,
    Instances,
    Intersection,
    Join,
    Program,
    entities,
)
from trajectune.environments.knowledge_graph.graph.terms import iri_text
from trajectune.environments.knowledge_graph.graph.vocabulary import Edge, Vocabulary

MAX_VALUES = 100_000
"""Values of a variable that are fetched; an answer of more is wrong whatever follows."""
XSD = "http://www.w3.org/2001/XMLSchema#"
_NUMBER = " || ".join(
    ["isNumeric(?o)"]
    + [f"datatype(?o) = <{XSD}{name}>" for name in ("date", "dateTime", "gYear", "gYearMonth")]
)


def values_query(program: Program, vocabulary: Vocabulary) -> str:
    """The values of a program in `?x`; of a count, the number."""
    builder = _Builder(vocabulary, program)
    if isinstance(program, Count):
        return f"SELECT (COUNT(DISTINCT ?x) AS ?n) WHERE {{ {builder.outermost(program.source)} }}"
    return f"SELECT DISTINCT ?x WHERE {{ {builder.outermost(program)} }} LIMIT {MAX_VALUES}"


def relations_query(program: Program, vocabulary: Vocabulary) -> str:
    """What leads on from the values of a program to things or words, in `?r`."""
    kind = "" if vocabulary.relations is not None else f" FILTER(!isLiteral(?o) || !({_NUMBER}))"
    return _edges(program, vocabulary, kind)


def attributes_query(program: Program, vocabulary: Vocabulary) -> str:
    """The numbers and dates that the values of a program have, in `?r`."""
    kind = "" if vocabulary.attributes is not None else f" FILTER(isLiteral(?o) && ({_NUMBER}))"
    return _edges(program, vocabulary, kind)


def incoming_query(program: Program, vocabulary: Vocabulary) -> str:
    """The relations that lead from elsewhere to the values of a program, in `?r`."""
    return _edges(program, vocabulary, "", incoming=True)


def stated_class_query(edge: Edge, vocabulary: Vocabulary) -> str:
    """The class that the graph states for what an edge leads to, in `?x`."""
    predicate = vocabulary.domain if edge.inverse else vocabulary.range
    return f"SELECT ?x WHERE {{ {iri_text(edge.iri)} {iri_text(predicate)} ?x }} LIMIT 1"


def usual_class_query(edge: Edge, vocabulary: Vocabulary) -> str:
    """The commonest class among some of the things that an edge leads to, in `?x`."""
    subject, thing = ("?o", "?s") if edge.inverse else ("?s", "?o")
    some = f"SELECT ?o WHERE {{ {subject} {iri_text(edge.iri)} {thing} }} LIMIT 200"
    return (
        f"SELECT ?x (COUNT(?o) AS ?n) WHERE {{ {{ {some} }} ?o {iri_text(vocabulary.type)} ?x }} "
        "GROUP BY ?x ORDER BY DESC(?n) ?x LIMIT 1"
    )


def _edges(program: Program, vocabulary: Vocabulary, kind: str, incoming: bool = False) -> str:
    # An entity's own edges need no detour; it is not shut out of what it starts.
    before, x = "", "?x"
    if isinstance(program, Entity):
        x = iri_text(program.iri)
    else:
        inner = _Builder(vocabulary, program).outermost(program)
        before = f"{{ SELECT DISTINCT ?x WHERE {{ {inner} }} }} "
    edge = f"?o ?r {x} ." if incoming else f"{x} ?r ?o ."
    return f"SELECT DISTINCT ?r WHERE {{ {before}{edge}{kind} }}"


Filter = Callable[[str], str]
"""Writes a filter on a variable, or nothing."""


class _Builder:
    """Writes the patterns of one query; inner variables have numbers."""

    def __init__(self, vocabulary: Vocabulary, program: Program) -> None:
        self.vocabulary = vocabulary
        self.started = sorted(set(entities(program)))
        self.numbers: Iterator[int] = count()

    def outermost(self, program: Program) -> str:
        """The pattern that binds `?x` to what is asked for."""
        if isinstance(program, Extreme):
            return self._extreme(program, "?x", self._filter)
        return self._pattern(program, "?x") + self._filter("?x")

    def _filter(self, x: str) -> str:
        parts = []
        if self.started:
            parts.append(f"{x} NOT IN ({', '.join(map(iri_text, self.started))})")
        if language := self.vocabulary.language:
            parts.append(f'(!isLiteral({x}) || lang({x}) = "" || langMatches(lang({x}), "{language}"))')
        return f" FILTER({' && '.join(parts)})" if parts else ""

    def _pattern(self, program: Program, x: str) -> str:
        match program:
            case Entity(iri):
                return f"VALUES {x} {{ {iri_text(iri)} }}"
            case Instances(iri):
                return f"{x} {iri_text(self.vocabulary.type)} {iri_text(iri)} ."
            case Join():
                return self._join(program, x)
            case Intersection(left, right):
                return f"{self._distinct(left, x)} {self._distinct(right, x)}"
            case Extreme():
                return self._extreme(program, x, lambda _: "")
        raise ValueError("a number has no values to go on from")

    def _join(self, join: Join, x: str) -> str:
        if isinstance(join.source, Entity):
            before, y = "", iri_text(join.source.iri)
        else:
            y = self._fresh()
            before = self._distinct(join.source, y) + self._never_back(y) + " "
        ends = (x, y) if join.inverse else (y, x)
        return f"{before}{ends[0]} {iri_text(join.relation)} {ends[1]} ."

    def _distinct(self, program: Program, x: str) -> str:
        pattern = self._pattern(program, x)
        if isinstance(program, Entity | Instances) or (
            isinstance(program, Join) and isinstance(program.source, Entity)
        ):
            return pattern  # one pattern gives no value twice
        return f"{{ SELECT DISTINCT {x} WHERE {{ {pattern} }} }}"

    def _extreme(self, extreme: Extreme, x: str, only: Filter) -> str:
        y, best = self._fresh(), self._fresh()
        attribute = iri_text(extreme.attribute)
        way = f"DESC({best})" if extreme.largest else best
        inner = f"{self._distinct(extreme.source, y)}{only(y)} {y} {attribute} {best} ."
        bound = f"{{ SELECT {best} WHERE {{ {inner} }} ORDER BY {way} LIMIT 1 }}"
        return f"{bound} {self._distinct(extreme.source, x)} {x} {attribute} {best} ."

    def _never_back(self, x: str) -> str:
        return self._filter(x) if self.vocabulary.never_back else ""

    def _fresh(self) -> str:
        return f"?v{next(self.numbers)}"
