"""Programs are values; their size bounds their queries."""

from __future__ import annotations

from trajectune.environments.knowledge_graph.graph.program import (
    Count,
    Entity,
    Extreme,
    Instances,
    Intersection,
    Join,
    children,
    entities,
    size,
)

A, B = Entity("urn:a"), Entity("urn:b")
LEFT, RIGHT = Join("urn:r", A), Join("urn:r", B, inverse=True)


def test_equal_programs_are_one():
    assert Join("urn:r", A) == LEFT
    assert len({LEFT, Join("urn:r", Entity("urn:a")), Join("urn:r", A, inverse=True)}) == 2


def test_what_a_program_is_made_of():
    assert children(A) == children(Instances("urn:c")) == ()
    assert children(LEFT) == children(Count(A)) == children(Extreme(A, "urn:n", True)) == (A,)
    assert children(Intersection(LEFT, RIGHT)) == (LEFT, RIGHT)


def test_entities_are_found_however_deep():
    program = Count(Extreme(Intersection(LEFT, Join("urn:s", RIGHT)), "urn:n", False))
    assert list(entities(program)) == ["urn:a", "urn:b"]
    assert list(entities(Intersection(LEFT, LEFT))) == ["urn:a", "urn:a"]
    assert list(entities(Instances("urn:c"))) == []


def test_a_superlative_counts_its_source_twice():
    assert size(A) == 1
    assert size(LEFT) == 2
    assert size(Intersection(LEFT, RIGHT)) == 5
    assert size(Extreme(LEFT, "urn:n", True)) == 6
    assert size(Count(LEFT)) == 3
