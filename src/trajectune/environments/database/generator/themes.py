"""What tables are about: themes, each with its columns and the words that rank them.

The idea: a theme is a few lines of `themes_train.txt` or `themes_test.txt`. The first line gives the
noun (one / many) and possible table names; each further line is `header = kind | most / least`, the
first of them the key. `most` and `least` ask for the highest and the lowest value of that column.

Invariant: train and test themes are disjoint, and so are their table names.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Field:
    """A column that a theme may have."""

    header: str
    spec: str
    most: str = "highest"
    least: str = "lowest"

    @property
    def kind(self) -> str:
        return self.spec.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Theme:
    """A subject for tables; `fields[0]` is the key."""

    one: str
    many: str
    names: tuple[str, ...]
    fields: tuple[Field, ...]


@cache
def train_themes() -> tuple[Theme, ...]:
    """Themes of the train and dev splits."""
    return tuple(_read("themes_train.txt"))


@cache
def test_themes() -> tuple[Theme, ...]:
    """Themes of the test split."""
    return tuple(_read("themes_test.txt"))


def _read(file: str) -> list[Theme]:
    text = resources.files("trajectune.environments.database").joinpath(file).read_text(encoding="utf-8")
    return [_theme(block.strip().splitlines()) for block in text.strip().split("\n\n")]


def _theme(lines: list[str]) -> Theme:
    nouns, names = lines[0].split(":", 1)
    one, many = (word.strip() for word in nouns.split("/"))
    fields = []
    for line in lines[1:]:
        header, spec = line.split("=", 1)
        spec, _, ranks = spec.partition("|")
        most, _, least = ranks.partition("/")
        words = (most.strip(), least.strip()) if ranks else ("highest", "lowest")
        fields.append(Field(header.strip(), spec.strip(), *words))
    return Theme(one, many, tuple(name.strip() for name in names.split(";")), tuple(fields))
