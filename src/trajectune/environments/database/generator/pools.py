"""Cell values that look real, drawn from a seeded random number generator.

The idea: a theme names the kind of each column (`person`, `year 1900 2020`, `as Mount *,* Peak`), and
`draw` makes a value of it. In made-up tables every proper name is invented from syllables, so that
a model must copy what it reads and cannot recall it.

Invariant: the same generator state gives the same value, on every machine.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from importlib import resources
from random import Random

from trajectune.environments.database.engine.tables import Value


def _words() -> dict[str, list[str]]:
    """The lists of `words.txt`; `_` stands for a space inside a name."""
    lists: dict[str, list[str]] = {}
    text = (
        resources.files("trajectune.environments.database")
        .joinpath("words.txt")
        .read_text(encoding="utf-8")
    )
    for line in text.splitlines():
        name, words = line.split(":", 1)
        lists.setdefault(name, []).extend(word.replace("_", " ") for word in words.split())
    return lists


WORDS = _words()


def invented(rng: Random) -> str:
    """A word that no one has seen: two or three syllables."""
    word = "".join(
        rng.choice(WORDS["onset"]) + rng.choice(WORDS["vowel"]) for _ in range(rng.choice((1, 1, 1, 2)))
    )
    return (
        word + rng.choice(WORDS["onset"])[:1] + rng.choice(WORDS["vowel"])[:1] + rng.choice(WORDS["coda"])
    ).capitalize()


def draw(rng: Random, spec: str, made_up: bool) -> Value:
    """One value of the kind that `spec` names."""
    return _drawn(spec)(rng, made_up)


@cache
def _drawn(spec: str) -> Callable[[Random, bool], Value]:
    """How a value of a kind is drawn; a table draws hundreds of a few kinds."""
    kind, _, rest = spec.partition(" ")
    if kind in ("int", "year"):
        low, high = map(int, rest.split())
        return lambda rng, _: rng.randint(low, high)
    if kind == "float":
        least, most = map(float, rest.split())
        return lambda rng, _: round(rng.uniform(least, most), rng.choice((1, 1, 2)))
    words = rest.split(",")
    if kind == "of":
        return lambda rng, _: rng.choice(words)
    if kind == "as":
        return lambda rng, odd: _an(rng.choice(words).replace("*", _proper(rng, WORDS["root"], odd)))
    if kind in NAMES:
        return NAMES[kind]
    text = TEXTS[kind]
    return lambda rng, _: text(rng)


def sql_type(spec: str) -> str:
    """The MySQL type of a column of this kind."""
    kind = spec.partition(" ")[0]
    return {"int": "INT", "year": "INT", "float": "FLOAT", "isodate": "DATE"}.get(kind, "TEXT")


def _proper(rng: Random, words: list[str], made_up: bool) -> str:
    return invented(rng) if made_up else rng.choice(words)


def _an(title: str) -> str:
    """With the right article: a question that names the title may correct a wrong one in it."""
    return re.sub(r"\b([Aa]) (?=[aeiouAEIO])", r"\1n ", title)


def _date(rng: Random) -> str:
    month, day, year = rng.choice(WORDS["month"]), rng.randint(1, 28), rng.randint(1950, 2022)
    return rng.choice((f"{month} {day}, {year}", f"{day} {month} {year}"))


NAMES = {
    "person": lambda rng, odd: f"{rng.choice(WORDS['first'])} {_proper(rng, WORDS['last'], odd)}",
    "surname": lambda rng, odd: _proper(rng, WORDS["last"], odd),
    "city": lambda rng, odd: _proper(rng, WORDS["city"], odd),
    "country": lambda rng, odd: _proper(rng, WORDS["country"], odd),
    "name": lambda rng, odd: _proper(rng, WORDS["root"], odd),
}
TEXTS = {
    "date": _date,
    "day": lambda rng: f"{rng.choice(WORDS['month'])} {rng.randint(1, 28)}",
    "isodate": lambda rng: f"{rng.randint(1950, 2022)}-{rng.randint(1, 12):02}-{rng.randint(1, 28):02}",
    "thousands": lambda rng: f"{rng.randint(1_000, 90_000):,}",
    "percent": lambda rng: f"{rng.randint(10, 999) / 10}%",
    "money": lambda rng: rng.choice("$£€") + f"{rng.randint(5, 400) / 10}m",
    "score": lambda rng: f"{rng.randint(0, 7)}–{rng.randint(0, 7)}",
    "result": lambda rng: f"{rng.choice('WL')} {rng.randint(50, 99)}-{rng.randint(40, 99)}",
    "record": lambda rng: f"{rng.randint(0, 30)}-{rng.randint(0, 30)}",
    "season": lambda rng: (lambda year: f"{year}-{(year + 1) % 100:02}")(rng.randint(1985, 2020)),
    "years": lambda rng: (lambda year: f"{year}–{year + rng.randint(1, 30)}")(rng.randint(1880, 1990)),
    "time": lambda rng: f"{rng.randint(1, 9)}:{rng.randint(0, 59):02}.{rng.randint(0, 99):02}",
    "code": lambda rng: (
        "".join(rng.choice("ABCDEFGHKLMNPRSTVWX") for _ in range(2)) + f"-{rng.randint(10, 999)}"
    ),
    "place": lambda rng: rng.choice(("1st", "2nd", "3rd", "4th", "5th", "6th", "7th", "DNF")),
    "section": lambda rng: f"{rng.randint(1, 60):02}x{rng.randint(1, 24):02}",
}
