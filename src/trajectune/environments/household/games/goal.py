"""What a task says, read from its text alone, as an agent has to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from trajectune.errors import EpisodeError

Treatment = Literal["", "clean", "heat", "cool"]
APPLIANCE: dict[Treatment, str] = {"clean": "sinkbasin", "heat": "microwave", "cool": "fridge"}

_ADJECTIVES: dict[str, Treatment] = {"clean": "clean", "hot": "heat", "cool": "cool"}
_FORMS = (
    re.compile(r"(?:look at|examine) (?:an? |the )?(?P<thing>\w+) (?:under|with) the (?P<lamp>\w+)"),
    re.compile(r"(?P<two>put two|find two) (?P<thing>\w+) (?:in|on|and put them in) (?P<place>\w+)"),
    re.compile(r"(?P<treatment>clean|heat|cool) some (?P<thing>\w+) and put it in (?P<place>\w+)"),
    re.compile(
        r"put (?:an? |some )?(?:(?P<adjective>clean|hot|cool) )?(?P<thing>\w+) (?:in|on) (?P<place>\w+)"
    ),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """A task as types of things: `thing` to `place`, perhaps treated; or looked at under `lamp`."""

    text: str
    thing: str
    place: str = ""
    lamp: str = ""
    count: int = 1
    treatment: Treatment = ""


def read_wish(opening: str) -> Wish:
    """The task in an opening observation. Raises `EpisodeError` for words that ALFWorld never uses."""
    text = opening.rpartition("Your task is to: ")[2].strip().rstrip(".")
    for form in _FORMS:
        if match := form.fullmatch(text):
            words = match.groupdict()
            treatment = words.get("treatment") or _ADJECTIVES.get(words.get("adjective") or "", "")
            return Wish(
                text=text,
                thing=words["thing"],
                place=words.get("place") or "",
                lamp=words.get("lamp") or "",
                count=2 if words.get("two") else 1,
                treatment=treatment,  # type: ignore[arg-type]
            )
    raise EpisodeError(
        f"The expert does not understand the task {text!r}.", remedy="use another agent for it"
    )


def type_of(name: str) -> str:
    """`mug` of `mug 1`."""
    return name.split(" ", 1)[0]


def names_in(observation: str) -> list[str]:
    """The numbered things that an observation lists: `a mug 1, and a pen 2`."""
    seen = observation.rpartition("you see ")[2].partition("Your task")[0]
    return re.findall(r"\ban? ([a-z]+ \d+)", seen)
