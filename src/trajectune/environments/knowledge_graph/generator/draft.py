"""A question being drawn: nodes that grow by hops, joins and ranks, each with its calls, words and members.

The idea: one object makes the gold calls, the words and the members of every variable together, so that the
three cannot part. A step that gives nothing worth asking (no member, too many, a tie at the top) raises
`Unlucky`, and the question is drawn again.

Invariant: the calls of a node, played in an episode, make its variable.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from trajectune.environments.knowledge_graph.facts.schema import BY_NAME
from trajectune.environments.knowledge_graph.generator.atlas import Atlas
from trajectune.environments.knowledge_graph.generator.wordings import Wordings, agree
from trajectune.environments.knowledge_graph.sources.problem import GoldCall

MAX_MEMBERS = 300
"""Members of a variable; with more, a question is about nearly everything."""


class Unlucky(Exception):  # noqa: N818
    """This draw makes no good question."""


@dataclass(frozen=True)
class Node:
    """What a question has reached: an entity, or a variable."""

    name: str
    """How calls name it: the entity's name, or `#k`."""
    kind: str
    """Its class."""
    words: str
    """Noun phrase: `the capitals of the countries that border Chad`."""
    plural: bool
    members: frozenset[str]
    clause: str = ""
    """Where the phrase is a noun with a clause behind it: the clause."""
    came_by: str = ""
    """The relation that led here last."""


@dataclass
class Draft:
    """The question so far."""

    rng: Random
    atlas: Atlas
    words: Wordings
    unseen: bool
    calls: list[GoldCall] = field(default_factory=list)
    entities: dict[str, str] = field(default_factory=dict)
    """Short names of the things it starts from, by the names that are shown."""
    variables: int = 0

    def start(self, thing: str) -> Node:
        """An entity. Raises `Unlucky` where another of its name is in the question."""
        label = self.atlas.labels[thing]
        if label in self.entities:
            raise Unlucky("two things of one name")
        self.entities[label] = thing
        kind = thing.partition("/")[0]
        return Node(label, kind, self.atlas.said(thing), False, frozenset([thing]))

    def hop(self, node: Node, relation: str) -> Node:
        """What a relation leads to."""
        known = BY_NAME[relation]
        found = {end for member in node.members for end in self.atlas.leads(relation, member)}
        self._ask("get_relations", node.name)
        plural = node.plural or not known.single
        form = self.words.around(self.rng, relation, node.words)
        form = agree(form, plural, node.plural).replace("{x}", node.words)
        noun = self.words.noun(known.result, plural=True)
        phrase = form if known.single else f"the {noun} {form}"
        clause = "" if known.single else form
        name = self._make("get_neighbors", (node.name, relation), phrase)
        return Node(name, known.result, phrase, plural, _worth(found), clause, relation)

    def both(self, left: Node, right: Node) -> Node:
        """What two nodes have in common; each must have more."""
        shared = left.members & right.members
        if left.kind != right.kind or len(shared) in (len(left.members), len(right.members)):
            raise Unlucky("an intersection that takes nothing away")
        clause = self.words.joined(self.rng, left.clause, right.clause)
        words = f"the {self.words.noun(left.kind, plural=True)} {clause}"
        name = self._make("intersection", (left.name, right.name), words)
        return Node(name, left.kind, words, True, _worth(shared), clause)

    def extreme(self, node: Node, attribute: str, largest: bool) -> Node:
        """The one member with the largest or smallest value."""
        values = self.atlas.numbers[attribute]
        ranked = sorted((values[m], m) for m in node.members if m in values)
        if largest:
            ranked.reverse()
        if len(ranked) < 3 or ranked[0][0] == ranked[1][0]:
            raise Unlucky("too few to rank, or a tie")
        form = self.words.pick(self.rng, f"{'most' if largest else 'least'} {attribute}")
        words = form.replace("{np}", node.words)
        self._ask("get_attributes", node.name)
        tool = "argmax" if largest else "argmin"
        name = self._make(tool, (node.name, attribute), words)
        return Node(name, node.kind, words, False, frozenset([ranked[0][1]]))

    def count(self, node: Node) -> Node:
        """How many members there are."""
        if len(node.members) < 2:
            raise Unlucky("nothing to count")
        name = self._make("count", (node.name,), f"the number of {node.words.removeprefix('the ')}")
        return Node(name, "number", node.words, True, node.members, node.clause)

    def one_of(self, things: Sequence[str]) -> str:
        """One of several things or relations."""
        if not things:
            raise Unlucky("nothing to choose from")
        return self.rng.choice(things)

    def _ask(self, tool: str, name: str) -> None:
        """Look at relations or attributes, once for each variable."""
        call = GoldCall(tool, (name,))
        if call not in self.calls:
            self.calls.append(call)

    def _make(self, tool: str, arguments: tuple[str, ...], purpose: str) -> str:
        self.calls.append(GoldCall(tool, arguments, purpose))
        self.variables += 1
        return f"#{self.variables - 1}"


def _worth(members: set[str] | frozenset[str]) -> frozenset[str]:
    if not 0 < len(members) <= MAX_MEMBERS:
        raise Unlucky("no member, or nearly everything")
    return frozenset(members)
