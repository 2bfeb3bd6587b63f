"""The kinds of products that the built-in shop sells, read from `goods.txt`.

The file has option sets (`= calm color: white, grey`), shelves (`# Department › Part`) and kinds, one a
line:

    * group: a pair of/name | other name | low high | features | option sets | uses

A star holds the kind out for the test split. A feature with `+` is a thing that a product has (`+zip
pockets`), the others say how it is (`waterproof`).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from importlib import resources


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of product."""

    group: str
    """What tables call it: `shoes`."""
    path: tuple[str, ...]
    article: str
    """What stands before the name in a sentence: `a pair of`."""
    name: str
    other: str
    """Another name that titles use."""
    low: float
    high: float
    """Prices in dollars lie between these."""
    features: tuple[str, ...]
    options: dict[str, tuple[str, ...]] = field(hash=False)
    uses: tuple[str, ...]
    held_out: bool
    """Whether only test tasks ask for it."""


def bare(feature: str) -> str:
    """A feature as pages and goals write it."""
    return feature.removeprefix("+")


@cache
def kinds() -> tuple[Kind, ...]:
    """All kinds, in the order of the file."""
    text = resources.files("trajectune.environments.web_shop.generator").joinpath("goods.txt")
    sets: dict[str, tuple[str, tuple[str, ...]]] = {}
    found: list[Kind] = []
    shelves: tuple[str, ...] = ()
    for line in filter(None, text.read_text(encoding="utf-8").splitlines()):
        if line.startswith("= "):
            name, _, values = line[2:].partition(":")
            short, _, option = name.partition(" ")
            sets[short] = (option, _listed(values, ","))
        elif line.startswith("# "):
            shelves = _listed(line[2:], "›")
        else:
            found.append(_kind(line, shelves, sets))
    return tuple(found)


def _kind(line: str, shelves: tuple[str, ...], sets: dict[str, tuple[str, tuple[str, ...]]]) -> Kind:
    group, _, rest = line.removeprefix("* ").partition(":")
    names, other, prices, features, options, uses = _listed(rest, "|")
    article, _, name = names.partition("/")
    low, high = map(float, prices.split())
    return Kind(
        group,
        (*shelves, name.title()),
        article,
        name,
        other,
        low,
        high,
        _listed(features, ","),
        dict(sets[each] for each in options.split()),
        _listed(uses, ";"),
        line.startswith("* "),
    )


def _listed(text: str, mark: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(mark))
