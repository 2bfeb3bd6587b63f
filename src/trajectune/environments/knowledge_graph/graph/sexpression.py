"""Programs as s-expressions, the logical forms of GrailQA in which AgentBench keeps its gold.

    (AND computer.computer (JOIN (R computer.computer.includes_models) m.0zd6))
    (COUNT …)   (ARGMAX … music.recording.length)   (ARGMIN …)

`(JOIN (R r) x)` is what `r` leads to from `x`; `(JOIN r x)` is what `r` leads from to `x`. A bare word in
`AND` is a class, in `JOIN` an entity; the second word of `ARGMAX` is an attribute.

Invariant: `read(write(program))` is the program, for programs whose names hold no white space or brackets.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from trajectune.environments.knowledge_graph.graph.program import (
    Count,
    Entity,
    Extreme,
    Instances,
    Intersection,
    Join,
    Program,
)

MAX_CHARS = 10_000
MAX_DEPTH = 50
_TOKEN = re.compile(r"[()]|[^\s()]+")

Expression = str | list["Expression"]


def read(text: str, iri: Callable[[str], str]) -> Program:
    """The program of an s-expression; `iri` expands its names. Raises `ValueError` saying what is wrong."""
    if len(text) > MAX_CHARS:
        raise ValueError(f"an s-expression of {len(text)} characters (at most {MAX_CHARS})")
    tokens = _TOKEN.findall(text)
    expression, end = _nested(tokens, 0, 0)
    if end != len(tokens):
        raise ValueError(f"words behind the end of the s-expression: {tokens[end]!r}")
    return _program(expression, iri)


def write(program: Program, name: Callable[[str], str]) -> str:
    """The s-expression of a program; `name` shortens its IRIs."""
    match program:
        case Entity(iri) | Instances(iri):
            return name(iri)
        case Join(relation, source, inverse):
            shown = name(relation) if inverse else f"(R {name(relation)})"
            return f"(JOIN {shown} {write(source, name)})"
        case Intersection(left, right):
            return f"(AND {write(left, name)} {write(right, name)})"
        case Extreme(source, attribute, largest):
            word = "ARGMAX" if largest else "ARGMIN"
            return f"({word} {write(source, name)} {name(attribute)})"
        case Count(source):
            return f"(COUNT {write(source, name)})"


def _nested(tokens: list[str], at: int, depth: int) -> tuple[Expression, int]:
    """The expression that begins at a token, and where it ends."""
    if at >= len(tokens) or depth > MAX_DEPTH:
        raise ValueError("an s-expression without its end" if at >= len(tokens) else "nested too deeply")
    if tokens[at] == ")":
        raise ValueError("a closing bracket without its opening one")
    if tokens[at] != "(":
        return tokens[at], at + 1
    items: list[Expression] = []
    at += 1
    while at < len(tokens) and tokens[at] != ")":
        item, at = _nested(tokens, at, depth + 1)
        items.append(item)
    if at >= len(tokens):
        raise ValueError("an s-expression without its end")
    return items, at + 1


def _program(expression: Expression, iri: Callable[[str], str], bare: type = Entity) -> Program:
    match expression:
        case str(word):
            return bare(iri(word))
        case ["JOIN", relation, source]:
            word, inverse = _direction(relation)
            return Join(iri(word), _program(source, iri), inverse)
        case ["AND", left, right]:
            return Intersection(_program(left, iri, Instances), _program(right, iri, Instances))
        case ["ARGMAX" | "ARGMIN" as extreme, source, str(attribute)]:
            return Extreme(_program(source, iri, Instances), iri(attribute), extreme == "ARGMAX")
        case ["COUNT", source]:
            return Count(_program(source, iri, Instances))
    raise ValueError(f"not a form that is known: {_shown(expression)}")


def _direction(relation: Expression) -> tuple[str, bool]:
    match relation:
        case str(word):
            return word, True
        case ["R", str(word)]:
            return word, False
    raise ValueError(f"not a relation: {_shown(relation)}")


def _shown(expression: Expression) -> str:
    return str(expression)[:80]
