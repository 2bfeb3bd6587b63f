"""Lists of words that the shop, its generator and its expert use, read from `words.txt`.

A line is `name: word word …`; lines of one name make one list.
"""

from __future__ import annotations

from functools import cache
from importlib import resources


def words(name: str) -> tuple[str, ...]:
    """The words of a list, in the order of the file."""
    return _lists()[name]


@cache
def _lists() -> dict[str, tuple[str, ...]]:
    text = resources.files("trajectune.environments.web_shop").joinpath("words.txt").read_text("utf-8")
    lists: dict[str, tuple[str, ...]] = {}
    for line in text.splitlines():
        name, _, listed = line.partition(": ")
        lists[name] = lists.get(name, ()) + tuple(listed.split())
    return lists
