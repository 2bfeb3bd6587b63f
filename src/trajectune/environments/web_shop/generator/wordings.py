"""How a wish is put into words: apart for train and test.

A wish is a frame around a thing (`a waterproof tent with mesh windows`), clauses for options and a
clause for the price. The words of WebShop's own price limit (`and price lower than 40.00 dollars`) are
among those of train.

Invariant: no wording of `TEST` is in `TRAIN`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from trajectune.environments.web_shop.generator.goods import Kind, bare


@dataclass(frozen=True, slots=True)
class Wordings:
    """The words of a split. `{is_}` lists what a thing is like, `{has}` what it has."""

    frames: tuple[str, ...]
    things: tuple[str, ...]
    """With `{article}`, `{is_}`, `{name}`; `{a}` is the article that fits before `{is_}`."""
    having: tuple[str, ...]
    choices: tuple[str, ...]
    """One option: `{name}` and `{value}`."""
    prices: tuple[str, ...]


TRAIN = Wordings(
    frames=(
        "i am looking for {thing}{choices}{price}",
        "i need {thing}{choices}{price}",
        "find me {thing}{choices}{price}",
        "please find {thing}{choices}{price}",
        "i want to buy {thing}{choices}{price}",
        "can you get me {thing}{choices}{price}",
        "i would like {thing}{choices}{price}",
        "show me {thing}{choices}{price}",
        "i am shopping for {thing}{choices}{price}",
        "buy me {thing}{choices}{price}",
        "looking for {thing}{choices}{price}",
        "my sister wants {thing}{choices}{price}",
    ),
    things=("{a} {is_} {name}{having}", "{article} {name} which must be {is_}{having}"),
    having=(" with {has}", " featuring {has}"),
    choices=(" in {name} {value}", ", {name}: {value}", " with {name} {value}", ", {value} for the {name}"),
    prices=(
        ", and price lower than {limit} dollars",
        ", and price lower than {limit} dollars",
        ", below {limit} dollars",
        " for less than {limit} dollars",
        ". it should cost under {limit} dollars",
    ),
)

TEST = Wordings(
    frames=(
        "would you order {thing}{choices}{price}",
        "help me pick out {thing}{choices}{price}",
        "what i am after is {thing}{choices}{price}",
        "we could use {thing}{choices}{price}",
        "{thing}{choices} is what i have in mind{price}",
    ),
    things=("{article} {name}, {is_}{having}", "{article} {name} ({is_}){having}"),
    having=(" including {has}", " plus {has}"),
    choices=(", where the {name} is {value}", ", taking {value} as {name}"),
    prices=(", at no more than {limit} dollars", ". my budget ends at {limit} dollars"),
)


def say(
    words: Wordings,
    kind: Kind,
    features: Sequence[str],
    options: Mapping[str, str],
    limit: float | None,
    rng: Random,
) -> str:
    """The instruction for a kind of thing with these features, options and price limit."""
    choice = rng.choice(words.choices)
    said = [choice.format(name=name, value=value) for name, value in options.items()]
    price = rng.choice(words.prices).format(limit=f"{limit:.2f}") if limit is not None else ""
    frame = rng.choice(words.frames)
    joint = "" if choice.startswith(",") else " and"
    return frame.format(thing=_thing(words, kind, features, rng), choices=joint.join(said), price=price)


def _thing(words: Wordings, kind: Kind, features: Sequence[str], rng: Random) -> str:
    is_so = [feature for feature in features if not feature.startswith("+")]
    has = [bare(feature) for feature in features if feature.startswith("+")]
    having = rng.choice(words.having).format(has=_list(has, rng)) if has else ""
    if not is_so:
        return f"{kind.article} {kind.name}{having}"
    is_ = _list(is_so, rng)
    return rng.choice(words.things).format(
        a=_fitting(kind.article, is_), article=kind.article, is_=is_, name=kind.name, having=having
    )


def _list(parts: Sequence[str], rng: Random) -> str:
    last = rng.choice((" and ", ", "))
    return last.join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else parts[0]


def _fitting(article: str, word: str) -> str:
    """`a` or `an`, by the sound of the next word."""
    if article not in ("a", "an"):
        return article
    return "an" if word[0] in "aeio" or word.startswith("un") else "a"
