"""Queries of programs give what plain set operations give, and grow no faster than their programs."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support.graphs import BASE, FILMS, VOCABULARY, films
from trajectune.environments.knowledge_graph.graph.program import (
    Count,
    Entity,
    Extreme,
    Instances,
    Intersection,
    Join,
    Program,
    entities,
    size,
)
from trajectune.environments.knowledge_graph.graph.sparql import (
    attributes_query,
    incoming_query,
    relations_query,
    values_query,
)
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph, embedded
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary

FORTH = {"directed_by": 0, "starred": 3}
BACK = {"directed": "directed_by", "acted_in": "starred"}
NUMBERS = {"year": 1, "minutes": 2}
PEOPLE = sorted({row[0] for row in FILMS.values()} | {actor for row in FILMS.values() for actor in row[3]})


def led(relation: str, thing: str) -> set[str]:
    """What a relation leads to, from the table of films."""
    if relation in BACK:
        return {film for film in FILMS if thing in led(BACK[relation], film)}
    found = FILMS[thing][FORTH[relation]] if thing in FILMS else ()
    return {found} if isinstance(found, str) else set(found)  # type: ignore[arg-type]


def meant(program: Program, never_back: bool = False) -> set[str]:
    """The members of a program by plain sets."""
    starts = {iri.removeprefix(BASE) for iri in entities(program)}

    def members(here: Program, left_out: set[str]) -> set[str]:
        match here:
            case Entity(iri):
                found = {iri.removeprefix(BASE)}
            case Instances():
                found = set(FILMS)
            case Join(relation, source, inverse):
                name = relation.removeprefix(BASE)
                inside = members(source, starts if never_back and not isinstance(source, Entity) else set())
                if inverse:
                    found = {x for x in [*FILMS, *PEOPLE] if led(name, x) & inside}
                else:
                    found = {y for x in inside for y in led(name, x)}
            case Intersection(left, right):
                found = members(left, set()) & members(right, set())
            case Extreme(source, attribute, largest):
                column = NUMBERS[attribute.removeprefix(BASE)]
                everything = {film for film in members(source, set()) if film in FILMS}
                ranked = {FILMS[film][column] for film in everything - left_out}
                best = (max if largest else min)(ranked, default=None)  # type: ignore[type-var]
                return {film for film in everything if FILMS[film][column] == best}
            case _:
                raise ValueError(here)
        return found - left_out

    return members(program, starts)


relation_names = st.sampled_from([*FORTH, *BACK]).map(lambda name: BASE + name)
things = st.sampled_from([*FILMS, *PEOPLE]).map(lambda name: Entity(BASE + name))
sets = st.recursive(
    st.builds(Join, relation_names, things, st.booleans()),
    lambda inner: (
        st.builds(Join, relation_names, inner, st.booleans())
        | st.builds(Intersection, inner | st.just(Instances(f"{BASE}film")), inner)
        | st.builds(Extreme, inner, st.sampled_from(sorted(NUMBERS)).map(lambda n: BASE + n), st.booleans())
    ),
    max_leaves=4,
)


@settings(max_examples=150, deadline=None)
@given(sets)
def test_a_query_gives_what_sets_give(graph: EmbeddedGraph, program: Program):
    assert graph.values(program) == meant(program)
    assert graph.values(Count(program)) == {str(len(meant(program)))}


chains = st.recursive(
    st.builds(Join, relation_names, things),
    lambda inner: st.builds(Join, relation_names, inner),
    max_leaves=5,
)


@settings(max_examples=60, deadline=None)
@given(chains)
def test_a_graph_that_never_goes_back_leaves_the_start_out_at_every_step(program: Program):
    strict = films(Vocabulary(base=BASE, never_back=True))
    assert strict.values(program) == meant(program, never_back=True)


def test_a_superlative_gives_all_that_tie():
    ties = "".join(
        f'<{BASE}{x}> <{BASE}n> "{n}"^^<http://www.w3.org/2001/XMLSchema#integer> .\n'
        f"<{BASE}s> <{BASE}r> <{BASE}{x}> .\n"
        for x, n in (("a", 10), ("b", 10), ("c", 9), ("d", -1))
    )
    graph = embedded(ties.encode(), VOCABULARY)
    base = Join(f"{BASE}r", Entity(f"{BASE}s"))
    assert graph.values(Extreme(base, f"{BASE}n", True)) == {"a", "b"}
    assert graph.values(Extreme(base, f"{BASE}n", False)) == {"d"}


@pytest.mark.parametrize("write", [values_query, relations_query, attributes_query, incoming_query])
def test_a_query_is_linear_in_its_program(write):
    program: Program = Entity(f"{BASE}scott")
    lengths = []
    for number in range(12):
        program = Join(f"{BASE}directed" if number % 2 == 0 else f"{BASE}directed_by", program)
        lengths.append(len(write(program, VOCABULARY)) / size(program))
    assert max(lengths[3:]) < 1.5 * min(lengths[3:])


def test_long_chains_are_answered_at_once(graph: EmbeddedGraph):
    program: Program = Entity(f"{BASE}scott")
    for number in range(40):
        program = Join(BASE + ("directed", "starred", "acted_in", "directed_by")[number % 4], program)
    start = time.perf_counter()
    graph.values(program)
    graph.relations(program)
    assert time.perf_counter() - start < 2


def test_a_number_leads_nowhere():
    with pytest.raises(ValueError, match="a number has no values"):
        values_query(Join(f"{BASE}directed", Count(Entity(f"{BASE}scott"))), VOCABULARY)


def test_only_iris_reach_a_query():
    with pytest.raises(ValueError, match="not an IRI"):
        values_query(Join("directed> ?x } #", Entity(f"{BASE}scott")), VOCABULARY)
    with pytest.raises(ValueError, match="not an IRI"):
        relations_query(Entity('"} INSERT DATA {'), VOCABULARY)


def test_texts_of_other_languages_are_no_values():
    lines = "".join(
        f'<{BASE}a> <{BASE}r> "{word}"{tag} .\n' for word, tag in (("x", "@en"), ("y", "@de"), ("z", ""))
    )
    program = Join(f"{BASE}r", Entity(f"{BASE}a"))
    assert embedded(lines.encode(), Vocabulary(base=BASE, language="en")).values(program) == {"x", "z"}
    assert embedded(lines.encode(), VOCABULARY).values(program) == {"x", "y", "z"}
