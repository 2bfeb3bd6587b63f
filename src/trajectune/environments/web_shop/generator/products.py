"""Products of one kind, made so that the first hit is often not the right one.

The idea: a kind has families; a family has a brand, a few features and a price, and its members are near
misses of each other: one lacks a feature, one comes in other colours, one costs more. A title shows some
features and leaves others for the bullet points or the description, so that an agent has to look.

Invariant: a product has exactly the features in its `attributes`; each stands word for word in its
title, its bullet points or its description, and no other feature of its kind does.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from trajectune.environments.web_shop.generator.goods import Kind, bare
from trajectune.environments.web_shop.lists import words
from trajectune.environments.web_shop.shop.product import Product

FAMILIES, MEMBERS = 8, 4
FEATURES = (3, 5)
"""Features of a family, from and to."""
SHOWN = 2
"""Features that a title shows, at most."""
SIGNS = "0123456789ABCDEFGHJKLMNPQRSTVWXYZ"
ONSETS = words("onset")
VOWELS = words("vowel")
CODAS = words("coda")

TITLES = (
    "{brand} {has} {name}{with_} for {use}",
    "{brand} {name}, {has}{with_}",
    "{brand} {model} {has} {other}{with_} - {name} for {use}",
    "{has} {name} by {brand}{with_}, made for {use}",
    "{brand} {model} {name}{with_} | {has} {other}",
)
BARE_TITLES = (
    "{brand} {name} for {use}",
    "{brand} {model} {other}, {name} for {use}",
    "{brand} {model} {name}",
)
IS = (
    "{Feature}: made for {use}.",
    "Tested for {use}, and {feature} at that.",
    "Being {feature}, it suits {use}.",
)
HAS = (
    "{Feature} where it counts, with {use} in mind.",
    "Comes with {feature}; good for {use}.",
    "{Feature} included, a help with {use}.",
)
FILLERS = (
    "A gift that is welcome at any time of the year.",
    "Questions? Our service answers within one working day.",
    "Please check the measurements before you order.",
    "Packed without any plastic.",
)
OPENINGS = (
    "The {model} is what {brand} makes of {name}.",
    "{brand} has made {name} in small numbers for years.",
    "{brand} thought of {use} when it made the {model}.",
)


def products_of(kind: Kind, seed: int) -> list[Product]:
    """All products of a kind: the same for the same seed."""
    rng = Random(f"{seed}/products/{kind.name}")
    return [product for _ in range(FAMILIES) for product in _family(kind, rng)]


def _family(kind: Kind, rng: Random) -> list[Product]:
    brand, use = _brand(rng), rng.choice(kind.uses)
    features = rng.sample(kind.features, rng.randint(*FEATURES))
    price = rng.uniform(kind.low, kind.high * 0.8)
    members = [_member(kind, brand, use, features, price, rng)]
    for _ in range(MEMBERS - 1):
        changed, cost = _near_miss(kind, features, rng), price * rng.uniform(0.8, 1.5)
        members.append(_member(kind, brand, use, changed, cost, rng))
    return members


def _near_miss(kind: Kind, features: Sequence[str], rng: Random) -> list[str]:
    """The features with one of them dropped, exchanged, or all of them (then options or price differ)."""
    kept = list(features)
    change = rng.choice(("drop", "exchange", "keep"))
    if change != "keep":
        kept.remove(rng.choice(kept))
    if change == "exchange":
        kept.append(rng.choice([each for each in kind.features if each not in features]))
    return kept


def _member(
    kind: Kind, brand: str, use: str, features: Sequence[str], price: float, rng: Random
) -> Product:
    shown = rng.sample(features, rng.randint(0, min(SHOWN, len(features))))
    named = {"brand": brand, "model": _model(rng), "use": use, "name": kind.name, "other": kind.other}
    told = [each for each in features if each not in shown] + [each for each in shown if rng.random() < 0.5]
    rng.shuffle(told)
    described = told[: rng.randint(0, 1)]
    opening = rng.choice(OPENINGS).format(**named)
    return Product(
        "B0" + "".join(rng.choice(SIGNS) for _ in range(8)),
        _title(shown, named, rng),
        " ".join([opening, *(_sentence(each, kind, rng) for each in described)]),
        (
            *(_sentence(each, kind, rng) for each in told if each not in described),
            rng.choice(FILLERS),
        ),
        _prices(price, rng),
        {name: _some(values, rng) for name, values in kind.options.items()},
        tuple(map(bare, features)),
        kind.name,
        kind.path,
    )


def _title(shown: Sequence[str], named: dict[str, str], rng: Random) -> str:
    is_so = [each for each in shown if not each.startswith("+")]
    has = [bare(each) for each in shown if each.startswith("+")]
    template = rng.choice(TITLES if is_so else BARE_TITLES)
    if has and not is_so:
        template += " with {only}"
    filled = template.format(
        **named, has=" ".join(is_so), with_=f" with {has[0]}" if has else "", only=" and ".join(has)
    )
    return _capitalised(filled)


def _capitalised(title: str) -> str:
    small = ("with", "for", "and", "by", "made", "of", "the", "in")
    return " ".join(word if word in small else word[:1].upper() + word[1:] for word in title.split())


def _sentence(feature: str, kind: Kind, rng: Random) -> str:
    text = bare(feature)
    template = rng.choice(HAS if feature.startswith("+") else IS)
    return template.format(feature=text, Feature=text[:1].upper() + text[1:], use=rng.choice(kind.uses))


def _prices(price: float, rng: Random) -> tuple[float, ...]:
    cents = int(price) + rng.choice((0.99, 0.95, 0.5, 0.0))
    if rng.random() < 0.15:
        return (cents, round(cents + rng.uniform(2, 9), 2))
    return (cents,)


def _some(values: Sequence[str], rng: Random) -> tuple[str, ...]:
    """Most values of an option, in the usual order."""
    kept = set(rng.sample(values, rng.randint(max(1, len(values) // 2), len(values))))
    return tuple(value for value in values if value in kept)


def _brand(rng: Random) -> str:
    word = rng.choice(ONSETS) + rng.choice(VOWELS) + rng.choice(ONSETS) + rng.choice(VOWELS)
    return (word + (rng.choice(CODAS) if rng.random() < 0.6 else "")).capitalize()


def _model(rng: Random) -> str:
    return f"{rng.choice('ABCDEKLMNPRSTVX')}{rng.randint(1, 99)}"
