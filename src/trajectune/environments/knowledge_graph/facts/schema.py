"""The relations and attributes of the built-in graph: what leads from where to where.

Invariant: every relation with an inverse is the inverse of its inverse; names say class and meaning, as
Freebase's do.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Relation:
    """A relation from things of one class to things of another."""

    subject: str
    """The class that it leads from."""
    role: str
    result: str
    """The class that it leads to."""
    inverse: str = ""
    """The name of the relation that leads back."""
    single: bool = False
    """Whether it leads to one thing from each."""

    @property
    def name(self) -> str:
        return f"{self.subject}.{self.role}"


@dataclass(frozen=True, slots=True)
class Attribute:
    """A number that things of a class have."""

    subject: str
    role: str

    @property
    def name(self) -> str:
        return f"{self.subject}.{self.role}"


def _pair(forth: tuple[str, str, bool], back: tuple[str, str, bool]) -> tuple[Relation, Relation]:
    """Two relations that are each other's inverse: (class, role, whether it leads to one thing)."""
    (one, role, single), (other, counter, singular) = forth, back
    return (
        Relation(one, role, other, f"{other}.{counter}", single),
        Relation(other, counter, one, f"{one}.{role}", singular),
    )


RELATIONS: tuple[Relation, ...] = (
    *_pair(("country", "capital", True), ("city", "capital_of", True)),
    *_pair(("country", "continent", True), ("continent", "countries", False)),
    *_pair(("country", "currencies", False), ("currency", "countries", False)),
    *_pair(("country", "official_languages", False), ("language", "official_in", False)),
    *_pair(("country", "internet_domain", True), ("internet_domain", "country", True)),
    *_pair(("country", "calling_code", True), ("calling_code", "countries", False)),
    *_pair(("country", "cities", False), ("city", "country", True)),
    *_pair(("country", "subdivisions", False), ("subdivision", "country", True)),
    *_pair(("city", "time_zone", True), ("time_zone", "cities", False)),
    *_pair(("city", "state", True), ("subdivision", "cities", False)),
    *_pair(("language", "script", True), ("script", "languages", False)),
    *_pair(("subdivision", "kind", True), ("subdivision_kind", "subdivisions", False)),
    *_pair(("subdivision", "counties", False), ("county", "state", True)),
    Relation("country", "neighbours", "country", "country.neighbours"),
)
ATTRIBUTES: tuple[Attribute, ...] = (
    Attribute("country", "population"),
    Attribute("country", "area"),
    Attribute("city", "population"),
    Attribute("city", "latitude"),
)
BY_NAME = {relation.name: relation for relation in RELATIONS}
