"""A catalogue of files, made ready once and read from disk ever after.

The idea: the products are read one by one and written as lines, with the place of each line, the codes
in order and the index of the search beside them: all of it in the cache, under a key of the files.
Opening the catalogue then maps files into memory, so that a million products cost little more than their
words, and processes beside each other share what they read.

Invariants: a product's line, its place and its number in the index agree; the folder appears whole or
not at all; rows that were rejected are told again whenever the catalogue is opened.
"""

from __future__ import annotations

import hashlib
import json
import mmap
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from trajectune.environments.web_shop.files.rows import read_attributes, read_product
from trajectune.environments.web_shop.files.stream import items, members
from trajectune.environments.web_shop.shop.catalogue import Catalogue
from trajectune.environments.web_shop.shop.product import Product, product
from trajectune.environments.web_shop.shop.search import Index, IndexBuilder
from trajectune.errors import DataError
from trajectune.progress import Progress, announce
from trajectune.storage import Rejected, cache_dir, filling, read_jsonl, write_folder

TOLD = 2_000
"""Products between two signs of progress."""
FORM = 1
"""Raised when the files of a store change; older ones are made again."""
PRODUCTS, PLACES, CODES, ORDER, INDEX, REJECTED = (
    "products.jsonl",
    "places.npy",
    "codes.npy",
    "order.npy",
    "index",
    "rejected.jsonl",
)


@dataclass(frozen=True, slots=True)
class Store:
    """A catalogue with the rows of its files that could not be used."""

    catalogue: Catalogue
    rejected: list[Rejected] = field(default_factory=list)


class StoredProducts:
    """Products on disk."""

    def __init__(self, folder: Path) -> None:
        with (folder / PRODUCTS).open("rb") as file:
            self._lines = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._places = np.load(folder / PLACES, mmap_mode="r")
        self._codes = np.load(folder / CODES, mmap_mode="r")
        self._order = np.load(folder / ORDER, mmap_mode="r")

    def __len__(self) -> int:
        return len(self._places) - 1

    def __getitem__(self, number: int) -> Product:
        start, end = self._places[number : number + 2].tolist()
        return product(json.loads(self._lines[start:end]))

    def find(self, asin: str) -> int | None:
        """The number of the product with this code, or `None`."""
        code = asin.encode()
        place = int(np.searchsorted(self._codes, np.bytes_(code)))
        found = place < len(self._codes) and bytes(self._codes[place]) == code
        return int(self._order[place]) if found else None


def open_store(products: Path, attributes: Path) -> Store:
    """The catalogue of `items_shuffle.json` and `items_ins_v2.json`, made ready if it is not yet.

    Raises `DataError` for a file that cannot be read or holds no product at all.
    """
    folder = cache_dir() / "web_shop" / _key(products, attributes)
    if not folder.is_dir():
        with filling(folder):
            write_folder(folder, lambda place: _make(place, products, attributes))
    catalogue = Catalogue(StoredProducts(folder), Index.load(folder / INDEX))
    told = read_jsonl(folder / REJECTED)
    return Store(catalogue, [Rejected(row.value["line"], row.value["reason"]) for row in told])


def _key(*paths: Path) -> str:
    """Changes with the files and with the form of stores."""
    parts = [str(FORM)]
    for path in paths:
        try:
            stat = path.stat()
        except OSError:
            raise DataError("the file does not exist", where=str(path), remedy="check the path") from None
        parts += [str(path.resolve()), str(stat.st_size), str(stat.st_mtime_ns)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]


def _make(folder: Path, products: Path, attributes: Path) -> None:
    builder, codes, places = IndexBuilder(), [], array("Q", [0])
    with (folder / PRODUCTS).open("wb") as lines, (folder / REJECTED).open("wb") as rejected:
        for item in _products(products, _known(attributes, rejected), rejected):
            line = json.dumps(item.record(), separators=(",", ":")).encode() + b"\n"
            lines.write(line)
            places.append(places[-1] + len(line))
            codes.append(item.asin.encode())
            builder.add(item.words)
    if not codes:
        remedy = "give WebShop's items_shuffle.json"
        raise DataError("No product could be read.", where=str(products), remedy=remedy)
    order = np.argsort(np.array(codes, dtype="S10"), kind="stable")
    np.save(folder / ORDER, order.astype(np.int32))
    np.save(folder / CODES, np.array(codes, dtype="S10")[order])
    np.save(folder / PLACES, np.frombuffer(places, dtype=np.uint64))
    builder.index().save(folder / INDEX)


def _known(path: Path, rejected: IO[bytes]) -> dict[str, tuple[str, ...]]:
    """The attributes of each product that has some."""
    known: dict[str, tuple[str, ...]] = {}
    for number, (asin, row) in enumerate(members(path), 1):
        try:
            if found := read_attributes(row):
                known[asin.upper()] = found
        except ValueError as error:
            _reject(rejected, number, f"{path.name}, {asin[:20]}: {error}")
    return known


def _products(path: Path, known: dict[str, tuple[str, ...]], rejected: IO[bytes]) -> Iterator[Product]:
    """The products of a file, each code once (the first, as in WebShop)."""
    seen: set[str] = set()
    for number, row in enumerate(items(path), 1):
        if number % TOLD == 0:
            announce(Progress(f"reading {path.name}", number, None))
        asin = row.get("asin") if isinstance(row, dict) else None
        try:
            item = read_product(row, known.get(asin.upper(), ()) if isinstance(asin, str) else ())
            if item.asin in seen:
                raise ValueError(f"asin: {item.asin} was there before")
        except ValueError as error:
            _reject(rejected, number, f"{path.name}: {error}")
            continue
        seen.add(item.asin)
        yield item


def _reject(rejected: IO[bytes], number: int, reason: str) -> None:
    rejected.write(json.dumps({"line": number, "reason": reason}).encode() + b"\n")
