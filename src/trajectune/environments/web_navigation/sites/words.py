"""What sites and tasks are made of: names, themes and sentences, apart for train and test.

The idea: two pairs of lists, `words_*.txt` (sections of things, one kind a line) and `frames_*.txt` (blocks
of sentences with slots). Train and dev draw from one pair, test from the other.

Invariant: no frame and no theme of the test lists stands in the train lists (tested).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random

PACKAGE = "trajectune.environments.web_navigation.sites"


@dataclass(frozen=True)
class Words:
    """The lists of a split."""

    lists: Mapping[str, Sequence[str]]
    """Sections of `words_*.txt`; a theme is one entry as it stands."""
    frames: Mapping[str, Sequence[str]]
    """Blocks of `frames_*.txt`."""

    def pick(self, rng: Random, section: str) -> str:
        """One entry."""
        return rng.choice(self.lists[section])

    def sample(self, rng: Random, section: str, count: int) -> list[str]:
        """Several different entries."""
        return rng.sample(self.lists[section], count)

    def site(self, rng: Random) -> str:
        """The name of a site."""
        return f"{self.pick(rng, 'site_head')} {self.pick(rng, 'site_tail')}"

    def person(self, rng: Random) -> str:
        """First and last name."""
        return f"{self.pick(rng, 'first')} {self.pick(rng, 'last')}"

    def value(self, rng: Random, kind: str) -> str:
        """A value that a field of this kind may take."""
        if kind in ("first", "last", "city", "note"):
            return self.pick(rng, kind)
        if kind == "person":
            return self.person(rng)
        if kind == "email":
            return f"{self.pick(rng, 'first')}.{self.pick(rng, 'last')}@example.org".lower()
        if kind == "street":
            return f"{rng.randint(1, 120)} {self.pick(rng, 'street')}"
        if kind == "user":
            return f"{self.pick(rng, 'first')}{rng.randint(10, 99)}".lower()
        if kind == "company":
            return f"{self.pick(rng, 'last')} {self.pick(rng, 'site_tail')}"
        return _number(rng, kind)

    def say(self, rng: Random, frame: str, **slots: str) -> str:
        """A sentence of this kind with its slots filled."""
        return rng.choice(self.frames[frame]).format(**slots)

    def pairs(self, rng: Random, pairs: Mapping[str, str]) -> str:
        """Labels with their values, all in one form."""
        form = rng.choice(self.frames["pair"])
        return ", ".join(form.format(label=label, value=value) for label, value in pairs.items())


def _number(rng: Random, kind: str) -> str:
    if kind == "phone":
        return f"{rng.randint(200, 999)}-{rng.randint(1000, 9999)}"
    if kind == "code":
        letters = "".join(rng.choice("ABCDEFGHKLMNPRSTVWX") for _ in range(2))
        return f"{letters}-{rng.randint(1000, 9999)}"
    if kind == "number":
        return str(rng.randint(12, 190))
    raise ValueError(f"no kind of value {kind!r}")


@cache
def words(unseen: bool) -> Words:
    """The lists of the test split, or those of train and dev."""
    split = "test" if unseen else "train"
    lists: dict[str, list[str]] = {}
    for line in _read(f"words_{split}.txt").splitlines():
        section, _, rest = line.partition(": ")
        if section in ("form", "poll", "shelf", "record", "setting", "manual"):
            lists.setdefault(section, []).append(rest)  # a theme has bars of its own
        elif rest:
            lists.setdefault(section, []).extend(rest.split(" | "))
    blocks = [block.splitlines() for block in _read(f"frames_{split}.txt").strip().split("\n\n")]
    return Words(lists, {block[0]: block[1:] for block in blocks})


def _read(name: str) -> str:
    return resources.files(PACKAGE).joinpath(name).read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a theme."""

    label: str
    kind: str
    """`text`, `select`, `radio` or `check`."""
    options: tuple[str, ...] = ()
    values: str = ""
    """Of a text field: the kind of its values."""


def fields(text: str) -> list[Field]:
    """`Name=person; Guests=*2,3; Area=+In,Out; High chair=?` as fields."""
    return [_field(*part.split("=", 1)) for part in text.split("; ")]


def _field(label: str, spec: str) -> Field:
    marks = {"*": "select", "+": "radio"}
    if spec == "?":
        return Field(label, "check")
    if spec[0] in marks:
        return Field(label, marks[spec[0]], tuple(spec[1:].split(",")))
    return Field(label, "text", values=spec)
