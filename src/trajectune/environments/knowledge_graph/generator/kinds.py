"""The kinds of questions: each draws a chain, a join or a ranking, and gives the node that is the answer.

Invariants: no hop goes straight back where the last one came from; what a question starts from is of its
own split; a question that is ranked, counted or intersected has members enough that the last step matters.
"""

from __future__ import annotations

from collections.abc import Callable

from trajectune.environments.knowledge_graph.facts.schema import ATTRIBUTES, BY_NAME, RELATIONS
from trajectune.environments.knowledge_graph.generator.draft import Draft, Node, Unlucky

JOINED = (
    "country", "country", "country", "city", "city", "subdivision", "language", "currency",
)  # fmt: skip
"""Classes that can be intersected, as often as they stand here; several relations lead to each."""
STARTED = (
    "country", "country", "country", "country", "city", "city", "currency", "currency", "language",
    "language", "continent", "subdivision", "county", "time_zone", "script", "calling_code",
    "internet_domain", "subdivision_kind",
)  # fmt: skip
"""Classes that a chain starts from, as often as they stand here."""
RANKED = {attribute.subject for attribute in ATTRIBUTES}
MANY = [relation.name for relation in RELATIONS if not relation.single]


def one_hop(draft: Draft) -> Node:
    """One relation from one thing."""
    return _chain(draft, 1)


def two_hop(draft: Draft) -> Node:
    """Two relations, one after the other."""
    return _chain(draft, 2)


def three_hop(draft: Draft) -> Node:
    """Three relations."""
    return _chain(draft, 3)


def intersection(draft: Draft) -> Node:
    """What two things lead to in common."""
    member = draft.one_of(_members(draft, draft.one_of(JOINED)))
    return draft.both(_to(draft, member), _to(draft, member))


def deep_intersection(draft: Draft) -> Node:
    """What one thing leads to in two hops and another in one."""
    member = draft.one_of(_members(draft, draft.one_of(JOINED)))
    return draft.both(_to(draft, member, hops=2), _to(draft, member))


def count(draft: Draft) -> Node:
    """How many one or two hops lead to."""
    node = _chain(draft, draft.rng.choice((1, 1, 2)), last_is_many=True)
    return draft.count(node)


def count_intersection(draft: Draft) -> Node:
    """How many two things lead to in common."""
    return draft.count(intersection(draft))


def largest(draft: Draft) -> Node:
    """The member of a chain that has the largest number."""
    return _ranked(draft, _rankable(draft), largest=True)


def smallest(draft: Draft) -> Node:
    """The member of a chain that has the smallest number."""
    return _ranked(draft, _rankable(draft), largest=False)


def ranked_intersection(draft: Draft) -> Node:
    """The first of what two things lead to in common."""
    return _ranked(draft, intersection(draft), draft.rng.random() < 0.5)


def ranked_hop(draft: Draft) -> Node:
    """What a relation leads to from the first of several."""
    # Only the last variable leaves out what the question starts from: here nothing may depend on it.
    base = _chain(draft, 1, last_is_many=True)
    if set(draft.entities.values()) & base.members:
        raise Unlucky("the start is among the ranked")
    return _hop(draft, _ranked(draft, base, draft.rng.random() < 0.5))


KINDS: dict[str, Callable[[Draft], Node]] = {
    "one_hop": one_hop,
    "two_hop": two_hop,
    "three_hop": three_hop,
    "intersection": intersection,
    "deep_intersection": deep_intersection,
    "count": count,
    "count_intersection": count_intersection,
    "largest": largest,
    "smallest": smallest,
    "ranked_intersection": ranked_intersection,
    "ranked_hop": ranked_hop,
}


def _chain(draft: Draft, hops: int, last_is_many: bool = False) -> Node:
    """A thing, and relations drawn one after the other."""
    starts = draft.atlas.starts[draft.unseen]
    node = draft.start(draft.one_of(starts[draft.one_of(STARTED)]))
    for number in range(hops):
        node = _hop(draft, node, last_is_many and number == hops - 1)
    return node


def _hop(draft: Draft, node: Node, is_many: bool = False) -> Node:
    """Go on by a relation that leads somewhere, not straight back, and to many where that is asked for."""
    back = BY_NAME[node.came_by].inverse if node.came_by else ""
    leading = [
        relation.name
        for relation in RELATIONS
        if relation.subject == node.kind
        and relation.name != back
        and not (is_many and relation.single)
        and any(draft.atlas.leads(relation.name, member) for member in node.members)
    ]
    return draft.hop(node, draft.one_of(leading))


def _members(draft: Draft, kind: str) -> list[str]:
    return [thing for split in draft.atlas.starts.values() for thing in split.get(kind, ())]


def _to(draft: Draft, member: str, hops: int = 1) -> Node:
    """A chain that starts from a thing of the split and has `member` among its ends."""
    path: list[str] = []
    end = member
    for number in range(hops):
        kind = end.partition("/")[0]
        leading = [
            name
            for name in (MANY if number == 0 else list(BY_NAME))
            if BY_NAME[name].result == kind
            and draft.atlas.leads(BY_NAME[name].inverse, end)
            and not (path and BY_NAME[name].inverse == path[0])
        ]
        relation = draft.one_of(leading)
        path.insert(0, relation)
        end = draft.one_of(draft.atlas.leads(BY_NAME[relation].inverse, end))
    if end not in draft.atlas.starts[draft.unseen].get(end.partition("/")[0], ()):
        raise Unlucky("the start is not of this split")
    node = draft.start(end)
    for relation in path:
        node = draft.hop(node, relation)
    return node


def _rankable(draft: Draft) -> Node:
    node = _chain(draft, draft.rng.choice((1, 1, 2)), last_is_many=True)
    if node.kind not in RANKED:
        raise Unlucky("nothing to rank by")
    return node


def _ranked(draft: Draft, node: Node, largest: bool) -> Node:
    by = [attribute.name for attribute in ATTRIBUTES if attribute.subject == node.kind]
    return draft.extreme(node, draft.one_of(by), largest)
