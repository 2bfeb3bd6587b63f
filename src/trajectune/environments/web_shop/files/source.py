"""WebShop's data folder: its catalogue and its goals, in WebShop's order and splits.

The folder holds WebShop's own files: `items_shuffle.json` (or `items_shuffle_1000.json`), the attributes
in `items_ins_v2.json` (or `items_ins_v2_1000.json`), and for human goals `items_human_ins.json`; each
may also be packed (`.gz`).

Invariant: goals stand in the order of the products, shuffled as WebShop shuffles them (seed 233), so
that with the whole files the number in a task's id is the number that WebShop and AgentBench use; the
first 500 are `test`, the next 1,000 `dev`, the others `train`. Limits of prices are drawn by us: WebShop
draws new ones at every start.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Literal

from trajectune.environments.contract import Split
from trajectune.environments.web_shop.files.rows import read_human, read_synthetic
from trajectune.environments.web_shop.files.store import Store, open_store
from trajectune.environments.web_shop.files.stream import members
from trajectune.environments.web_shop.shop.goal import Goal
from trajectune.environments.web_shop.shop.product import Product
from trajectune.errors import DataError
from trajectune.storage import Rejected

Goals = Literal["human", "synthetic"]

PRODUCTS = ("items_shuffle.json", "items_shuffle_1000.json")
ATTRIBUTES = ("items_ins_v2.json", "items_ins_v2_1000.json")
HUMAN = ("items_human_ins.json",)
SHUFFLE = 233
TEST, DEV = 500, 1_000
"""Goals of these splits; all others are for training."""


@cache
def store(folder: Path) -> Store:
    """The catalogue of a data folder, opened once in a process."""
    return open_store(_file(folder, PRODUCTS), _file(folder, ATTRIBUTES))


def read_goals(folder: Path, goals: Goals) -> tuple[list[Goal], list[Rejected]]:
    """All goals in WebShop's order, and those that could not be used."""
    products = store(folder).catalogue.products
    found: list[tuple[int, Goal]] = []
    rejected: list[Rejected] = []
    path = _file(folder, HUMAN if goals == "human" else ATTRIBUTES)
    for number, (asin, rows) in enumerate(members(path), 1):
        place = products.find(asin.upper())
        if place is None:
            if goals == "human":
                rejected.append(Rejected(number, f"{path.name}, {asin[:20]}: no such product"))
            continue
        made = _goals(rows, products[place], goals, rejected, f"{path.name}, {asin}", number)
        found += [(place, goal) for goal in made]
    if not found:
        raise DataError("No goal could be read.", where=str(path), remedy="give WebShop's own files")
    ordered = [goal for _, goal in sorted(found, key=lambda pair: pair[0])]
    Random(SHUFFLE).shuffle(ordered)
    return ordered, rejected


def split_of(number: int) -> Split:
    """The split of the goal with this number, from 0."""
    if number < TEST:
        return "test"
    return "dev" if number < TEST + DEV else "train"


def _goals(
    rows: object, product: Product, goals: Goals, rejected: list[Rejected], where: str, number: int
) -> Iterator[Goal]:
    listed = rows if goals == "human" and isinstance(rows, list) else [rows]
    read = read_human if goals == "human" else read_synthetic
    for place, row in enumerate(listed):
        try:
            goal = read(row, product, f"{product.asin}/{place}")
        except ValueError as error:
            rejected.append(Rejected(number, f"{where}: {error}"))
            continue
        if goal is not None:
            yield goal


def _file(folder: Path, names: tuple[str, ...]) -> Path:
    """The first of these files that the folder has."""
    tried = [folder / f"{name}{packed}" for name in names for packed in ("", ".gz")]
    found = next((path for path in tried if path.is_file()), None)
    if found is None:
        raise DataError(
            f"The folder has no {' or '.join(names)}.",
            where=str(folder),
            remedy="put WebShop's data files there, under their own names",
        )
    return found
