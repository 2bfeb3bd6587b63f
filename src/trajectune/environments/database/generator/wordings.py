"""How questions are put: frames for every kind of task, apart for train and test.

The idea: a frame is a sentence with slots, filled by the generator: `{t}` the wanted column, `{c}` a
column, `{v}` a value, `{where}` a clause ("the year is 1990"), `{having}` a phrase ("a year of
1990"), `{e}`/`{es}` the noun of the table, `{T}` its name, `{k}` the key's value, `{sup}` the word that
ranks ("tallest"), `{n}` a number. Frames times phrases times styles give thousands of surfaces.

The two were parted at random: about a fifth of the frames and a quarter of the phrases are held out.

Invariant: no frame and no phrase of `TEST` is in `TRAIN`; only the words of comparison are shared.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

MORE = ("more than", "greater than", "larger than", "over", "above", "higher than", "bigger than")
LESS = ("less than", "smaller than", "under", "below", "lower than", "fewer than")
LATER = ("after", "later than")
EARLIER = ("before", "earlier than")


@dataclass(frozen=True, slots=True)
class Wordings:
    """All frames of a split, by kind; `where` and `having` are the phrases for one condition."""

    where: tuple[str, ...]
    having: tuple[str, ...]
    where_than: tuple[str, ...]
    having_than: tuple[str, ...]
    pair: tuple[str, ...]
    assign: tuple[str, ...]
    frames: dict[str, tuple[str, ...]]


def _frames(file: str) -> dict[str, tuple[str, ...]]:
    """Blocks of lines; the first line of a block names the kind."""
    text = resources.files("trajectune.environments.database").joinpath(file).read_text(encoding="utf-8")
    blocks = [block.strip().splitlines() for block in text.strip().split("\n\n")]
    return {block[0].strip(): tuple(line.strip() for line in block[1:]) for block in blocks}


TRAIN = Wordings(
    where=(
        "the {c} was {v}",
        "the {c} shows {v}",
        "{c} equals {v}",
        "the {c} happens to be {v}",
        "{c} is {v}",
        "the {c} is {v}",
    ),
    having=(
        "{v} in the {c} column",
        "a {c} of {v}",
        "{c} given as {v}",
        "{v} for {c}",
        "its {c} being {v}",
        "{v} as the {c}",
    ),
    where_than=(
        "the value of {c} is {op} {v}",
        "{c} is {op} {v}",
        "the {c} was {op} {v}",
    ),
    having_than=(
        "the {c} {op} {v}",
        "some {c} {op} {v}",
        "its {c} {op} {v}",
        "{c} {op} {v}",
    ),
    pair=(
        "the {c} {v}",
        "{c}: {v}",
        "{c} set to {v}",
        "{c} {v}",
        "{c} as {v}",
        "{v} as {c}",
        "{c} is {v}",
        "{c} = {v}",
    ),
    assign=(
        "the {c} as {v}",
        "column {c} to {v}",
        "the {c} to {v}",
        "the value of {c} to {v}",
        "{c} = {v}",
    ),
    frames=_frames("frames_train.txt"),
)

TEST = Wordings(
    where=(
        "{c} reads {v}",
        "{c} = {v}",
        "we have {v} under {c}",
    ),
    having=(
        "the {c} {v}",
        "a {c} listed as {v}",
        "{c} {v}",
    ),
    where_than=(
        "{c} comes out {op} {v}",
        "the {c} is {op} {v}",
    ),
    having_than=(
        "a {c} {op} {v}",
        "a {c} that is {op} {v}",
    ),
    pair=(
        "a {c} of {v}",
        "{v} for {c}",
        "{c} being {v}",
    ),
    assign=(
        "its {c} to {v}",
        "{c} to {v}",
    ),
    frames=_frames("frames_test.txt"),
)
