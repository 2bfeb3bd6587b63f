"""How questions are put: frames for every kind of task, apart for train and test.

The idea: a frame is a sentence with slots, filled by the generator: `{t}` the wanted column, `{c}` a
column, `{v}` a value, `{where}` a clause ("the year is 1990"), `{having}` a phrase ("a year of
1990"), `{e}`/`{es}` the noun of the table, `{T}` its name, `{k}` the key's value, `{sup}` the word that
ranks ("tallest"), `{n}` a number. Frames times phrases times styles give thousands of surfaces.

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
    text = resources.files("agenttune.environments.database").joinpath(file).read_text(encoding="utf-8")
    blocks = [block.strip().splitlines() for block in text.strip().split("\n\n")]
    return {block[0].strip(): tuple(line.strip() for line in block[1:]) for block in blocks}


TRAIN = Wordings(
    where=(
        "the {c} is {v}",
        "{c} is {v}",
        "{c} equals {v}",
        "the {c} was {v}",
        "{c} = {v}",
        "the {c} shows {v}",
    ),
    having=(
        "a {c} of {v}",
        "{c} {v}",
        "the {c} {v}",
        "a {c} listed as {v}",
        "{v} as the {c}",
        "{v} for {c}",
    ),
    where_than=("the {c} is {op} {v}", "{c} is {op} {v}", "the {c} was {op} {v}"),
    having_than=("a {c} {op} {v}", "{c} {op} {v}", "the {c} {op} {v}", "a {c} that is {op} {v}"),
    pair=(
        "{v} for {c}",
        "{c} {v}",
        "{c} = {v}",
        "{c}: {v}",
        "{c} as {v}",
        "a {c} of {v}",
        "{v} as {c}",
        "{c} is {v}",
    ),
    assign=("the {c} to {v}", "{c} to {v}", "{c} = {v}", "the {c} as {v}"),
    frames=_frames("frames_train.txt"),
)

TEST = Wordings(
    where=("the {c} happens to be {v}", "{c} reads {v}", "we have {v} under {c}"),
    having=("{c} given as {v}", "its {c} being {v}", "{v} in the {c} column"),
    where_than=("the value of {c} is {op} {v}", "{c} comes out {op} {v}"),
    having_than=("some {c} {op} {v}", "its {c} {op} {v}"),
    pair=("{c} being {v}", "the {c} {v}", "{c} set to {v}"),
    assign=("the value of {c} to {v}", "its {c} to {v}", "column {c} to {v}"),
    frames=_frames("frames_test.txt"),
)
