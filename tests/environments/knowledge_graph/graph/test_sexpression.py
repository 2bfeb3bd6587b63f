"""S-expressions: what is written is read back, and what is no form is refused with the reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trajectune.environments.knowledge_graph.graph.program import (
    Count,
    Entity,
    Extreme,
    Instances,
    Intersection,
    Join,
    Program,
)
from trajectune.environments.knowledge_graph.graph.sexpression import MAX_CHARS, MAX_DEPTH, read, write
from trajectune.environments.knowledge_graph.graph.vocabulary import freebase

NAME = "urn:{}".format
SHORT = lambda iri: iri.removeprefix("urn:")  # noqa: E731


def program(text: str) -> Program:
    return read(text, NAME)


X = Entity("urn:x")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("x", X),
        ("(JOIN r x)", Join("urn:r", X, inverse=True)),
        ("(JOIN (R r) x)", Join("urn:r", X)),
        ("(AND c (JOIN (R r) x))", Intersection(Instances("urn:c"), Join("urn:r", X))),
        ("(COUNT (JOIN (R r) x))", Count(Join("urn:r", X))),
        ("(ARGMAX (JOIN (R r) x) n)", Extreme(Join("urn:r", X), "urn:n", True)),
        ("(ARGMIN c n)", Extreme(Instances("urn:c"), "urn:n", False)),
        (" ( JOIN\t( R  r )\n x ) ", Join("urn:r", X)),
    ],
)
def test_forms_are_read(text: str, meant: Program):
    assert program(text) == meant


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "without its end"),
        ("(JOIN r x", "without its end"),
        (")", "closing bracket"),
        ("x y", "behind the end"),
        ("(JOIN r x) )", "behind the end"),
        ("(UNION x y)", "not a form"),
        ("(JOIN r)", "not a form"),
        ("(JOIN (S r) x)", "not a relation"),
        ("(JOIN (R (R r)) x)", "not a relation"),
        ("(ARGMAX c (JOIN n m))", "not a form"),
        ("(COUNT)", "not a form"),
        ("()", "not a form"),
        ("(" * (MAX_DEPTH + 2) + "x" + ")" * (MAX_DEPTH + 2), "too deeply"),
        ("x" * (MAX_CHARS + 1), "characters"),
    ],
)
def test_what_is_no_form_is_refused_with_the_reason(text: str, why: str):
    with pytest.raises(ValueError, match=why):
        program(text)


names = st.from_regex(r"[a-z][\w.]{0,8}", fullmatch=True).map(NAME)
sets = st.recursive(
    st.builds(Join, names, st.builds(Entity, names), st.booleans()),
    lambda inner: (
        st.builds(Join, names, inner, st.booleans())
        | st.builds(Intersection, inner | st.builds(Instances, names), inner)
        | st.builds(Extreme, inner | st.builds(Instances, names), names, st.booleans())
    ),
    max_leaves=8,
)
programs = sets | st.builds(Count, sets)


@given(programs)
def test_what_is_written_is_read_back(made: Program):
    assert program(write(made, SHORT)) == made


@given(st.text(alphabet="()JOINRANDx #", max_size=60))
def test_any_text_is_a_program_or_a_value_error(text: str):
    try:
        made = program(text)
    except ValueError:
        return
    assert program(write(made, SHORT)) == made


def test_the_forms_of_agentbench_are_read_and_written_back(shared_data: Path):
    vocabulary = freebase()
    folder = shared_data / "agentbench" / "knowledgegraph"
    forms = {
        row["s_expression"]
        for name in ("dev", "train")
        for row in json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
    }
    assert len(forms) > 800
    for form in forms:
        assert write(read(form, vocabulary.iri), vocabulary.name) == form
