"""The built-in graph as the generator sees it: who leads where, who may be asked about, and in which split.

The idea: questions are drawn by walking plain dictionaries, which costs microseconds; only the finished
question is answered by the graph itself. The things that a question may start from are parted once: of each
class every third, in the order of a digest of its name, belongs to the test split.

Invariant: no test question starts from a thing that a train or dev question starts from.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from trajectune.environments.knowledge_graph.facts.geography import BASE, geography
from trajectune.environments.knowledge_graph.facts.ntriples import LABEL
from trajectune.environments.knowledge_graph.facts.schema import ATTRIBUTES, BY_NAME
from trajectune.environments.knowledge_graph.graph.store import EmbeddedGraph, embedded
from trajectune.environments.knowledge_graph.graph.vocabulary import Vocabulary

TEST_EVERY = 3
ASKED_CITY = 300_000
"""Inhabitants of a city that a question may start from; capitals may be smaller."""
_LINE = re.compile(r"<([^>]*)> <([^>]*)> (?:<([^>]*)>|\"((?:[^\"\\]|\\.)*)\")")
_PLAIN = re.compile(r"[^,()\[\]#\"\\/]{2,40}")
_DIFFICULT = frozenset({"county", "subdivision_kind", "time_zone"})
"""Classes whose names hold brackets or strokes, and are taken as they are."""
_ARTICLE = re.compile(r"United |Republic of|Democratic Republic|.* (?:Republic|Islands|Territory)$")
_WITH_ARTICLE = {"Netherlands", "Philippines", "Maldives", "Comoros", "Seychelles", "Bahamas", "Gambia"}


@dataclass(frozen=True)
class Atlas:
    """Things by their short names (`country/FR`)."""

    links: Mapping[str, Mapping[str, Sequence[str]]]
    """Relation → thing → things that it leads to, in order."""
    numbers: Mapping[str, Mapping[str, float]]
    """Attribute → thing → value."""
    labels: Mapping[str, str]
    starts: Mapping[bool, Mapping[str, Sequence[str]]]
    """Whether of the test split → class → things that a question may start from."""

    def leads(self, relation: str, thing: str) -> Sequence[str]:
        """What a relation leads to from a thing."""
        return self.links[relation].get(thing, ())

    def said(self, thing: str) -> str:
        """A thing as a sentence names it."""
        kind, label = thing.partition("/")[0], self.labels[thing]
        if kind == "country" and (label in _WITH_ARTICLE or _ARTICLE.match(label)):
            return f"the {label}"
        form = _SAID.get(kind, "{}")
        return form.format(label)


_SAID = {
    "currency": "the {}",
    "time_zone": "the time zone {}",
    "calling_code": "the calling code {}",
    "internet_domain": "the internet domain {}",
    "script": "the {} script",
    "subdivision_kind": "'{}'",
}


@cache
def atlas() -> Atlas:
    """The atlas of the installed packages. Raises `UnavailableError` where one is missing."""
    links: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    numbers: defaultdict[str, dict[str, float]] = defaultdict(dict)
    labels: dict[str, str] = {}
    attributes = {attribute.name for attribute in ATTRIBUTES}
    for line in _triples().decode().splitlines():
        found = _LINE.match(line)
        assert found is not None  # it was written by `facts.ntriples`
        thing, predicate = found[1].removeprefix(BASE), found[2].removeprefix(BASE)
        if predicate in BY_NAME:
            links[predicate][thing].append(found[3].removeprefix(BASE))
        elif predicate in attributes:
            numbers[predicate][thing] = float(found[4])
        elif found[2] == LABEL:
            labels.setdefault(thing, found[4])
    return Atlas(links, numbers, labels, _parted(labels, links, numbers))


@cache
def world() -> EmbeddedGraph:
    """The built-in graph; one for the whole process."""
    return embedded(_triples(), Vocabulary(base=BASE))


@cache
def _triples() -> bytes:
    return geography()


def _parted(
    labels: Mapping[str, str],
    links: Mapping[str, Mapping[str, Sequence[str]]],
    numbers: Mapping[str, Mapping[str, float]],
) -> dict[bool, dict[str, list[str]]]:
    """The things to start from, by split and class."""
    classes: defaultdict[str, list[str]] = defaultdict(list)
    for thing in labels:
        classes[thing.partition("/")[0]].append(thing)
    parted: dict[bool, dict[str, list[str]]] = {False: {}, True: {}}
    for kind, things in sorted(classes.items()):
        named = Counter(labels[thing] for thing in things)
        fit = [
            thing
            for thing in things
            if named[labels[thing]] == 1
            and (kind in _DIFFICULT or _PLAIN.fullmatch(labels[thing]))
            and (kind != "city" or _is_known(thing, links, numbers))
        ]
        fit.sort(key=lambda thing: hashlib.sha256(thing.encode()).hexdigest())
        parted[True][kind] = fit[::TEST_EVERY]
        parted[False][kind] = [thing for number, thing in enumerate(fit) if number % TEST_EVERY]
    return parted


def _is_known(
    city: str, links: Mapping[str, Mapping[str, Sequence[str]]], numbers: Mapping[str, Mapping[str, float]]
) -> bool:
    return city in links["city.capital_of"] or numbers["city.population"].get(city, 0) >= ASKED_CITY
