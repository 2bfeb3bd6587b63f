"""What WebShop's whole catalogue costs: time to make it ready, memory, and the time of a search.

    python benchmarks/web_shop.py --out benchmarks/results/web-shop-cpu.json

WebShop's files are not ours to ship, so a made-up catalogue of their size and shape stands in: 1.18 million
products of the built-in shop's kinds, their texts filled up to the length of real ones, written as WebShop
writes them. Each measurement is a process of its own, since a process never gives back what it once took.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import accumulate, product
from pathlib import Path
from random import Random
from typing import Any

from harness.machine import machine
from harness.results import dumps, run, write
from trajectune.environments.web_shop.environment import WebShopEnvironment
from trajectune.environments.web_shop.generator.goods import kinds
from trajectune.environments.web_shop.generator.products import products_of
from trajectune.environments.web_shop.shop.product import Product
from trajectune.trajectory import ToolCall

PRODUCTS = 1_180_000
GOAL_EVERY = 100
"""One product in so many has a goal: about 12,000, as WebShop has."""
PICTURES = "https://images.example/I/"
WORDS, UNREAD = 120, 280
"""Words by which a description is filled up, and those of a field that nobody reads."""
CONSONANTS, VOWELS = "bcdfghlmnprstvw", "aeiou"
SYLLABLES = ["".join(pair) for pair in product(CONSONANTS, VOWELS)]
FILLERS = ["".join(parts) for parts in product(SYLLABLES, SYLLABLES, CONSONANTS)]
"""84,375 words that fill up descriptions: some often, most hardly ever, as words of a language are."""
SHARES = list(accumulate(1 / rank for rank in range(1, len(FILLERS) + 1)))


def main() -> None:
    """Make the files, measure, and keep the numbers."""
    options = _options()
    if options.step:
        print(json.dumps(STEPS[options.step](options)))
        return
    with tempfile.TemporaryDirectory(dir=options.scratch) as scratch:
        found = {step: _apart(step, Path(scratch), options) for step in STEPS}
    report = machine("bm25s", products=options.products) | found
    print(dumps(found))
    if options.out:
        write(options.out, report)


def _apart(step: str, scratch: Path, options: argparse.Namespace) -> dict[str, Any]:
    """A step in a process of its own."""
    command = [sys.executable, __file__, "--step", step, "--scratch", str(scratch)]
    command += ["--products", str(options.products), "--searches", str(options.searches)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


def _files(options: argparse.Namespace) -> dict[str, Any]:
    """The three files."""
    start, folder = time.perf_counter(), options.scratch
    with (
        (folder / "items_shuffle.json").open("w") as items,
        (folder / "items_ins_v2.json").open("w") as attributes,
        (folder / "items_human_ins.json").open("w") as goals,
    ):
        for file, sign in ((items, "["), (attributes, "{"), (goals, "{")):
            file.write(sign)
        for number, item in enumerate(_products(options.products)):
            comma = ", " if number else ""
            items.write(comma + json.dumps(_row(item)))
            attributes.write(f'{comma}"{item.asin}": {json.dumps({"attributes": item.attributes})}')
            if number % GOAL_EVERY == 0:
                goals.write(f'{comma}"{item.asin}": {json.dumps([_goal(item)])}')
        for file, sign in ((items, "]"), (attributes, "}"), (goals, "}")):
            file.write(sign)
    sizes = {path.name: path.stat().st_size for path in folder.glob("*.json")}
    return {"seconds": time.perf_counter() - start, "bytes": sizes}


def _products(wanted: int) -> Iterator[Product]:
    """Products of ever new seeds; codes are counted, so that none comes twice."""
    made = 0
    for seed in range(wanted):
        for kind in kinds():
            for item in products_of(kind, seed):
                if made == wanted:
                    return
                yield replace(item, asin=f"B{made:09d}")
                made += 1


def _row(item: Product) -> dict[str, Any]:
    """A product as WebShop's file has it."""
    rng = Random(item.asin)
    filler = rng.choices(FILLERS, cum_weights=SHARES, k=WORDS + UNREAD)
    options = {
        name: [
            {"value": value, "image": f"https://images.example/{item.asin}-{value}.jpg"} for value in values
        ]
        for name, values in item.options.items()
    }
    return {
        "name": item.title,
        "asin": item.asin,
        "pricing": " - ".join(f"${price}" for price in item.prices),
        "full_description": f"{item.description} {' '.join(filler[:WORDS])}",
        "small_description": list(item.bullets),
        "customization_options": options,
        "small_description_old": " ".join(filler[WORDS:]),
        "images": [f"{PICTURES}{item.asin}-{n}.jpg" for n in range(5)],
        "category": item.path[0].lower(),
        "query": item.query,
        "product_category": " › ".join(item.path),
    }


def _goal(item: Product) -> dict[str, Any]:
    wanted = list(item.attributes[:2])
    values = [values[0] for values in item.options.values()][:1]
    told = f"i am looking for {item.query} with {' and '.join(wanted)}, {' '.join(values)}"
    return {"instruction": told, "instruction_attributes": wanted, "instruction_options": values}


def _ready(options: argparse.Namespace) -> dict[str, Any]:
    """The files are read for the first time: products, index, goals."""
    before, watch = _peak(), _Watch()
    environment = _environment(options)
    tasks = {split: len(environment.tasks(split)) for split in ("train", "dev", "test")}
    found = {"seconds": watch.seconds(), "computed": watch.computed(), "peak": _peak(), "before": before}
    disk = sum(path.stat().st_size for path in (options.scratch / "cache").rglob("*") if path.is_file())
    return found | {"disk": disk, "tasks": tasks, "rejected": len(environment.rejected)}


def _search(options: argparse.Namespace) -> dict[str, Any]:
    """The files are opened again, by a process that comes later; then it searches for what goals say."""
    before, watch = _peak(), _Watch()
    environment = _environment(options)
    tasks = environment.tasks("test")
    found = {"opened_seconds": watch.seconds(), "opened_computed": watch.computed()}
    seconds: list[float] = []
    computed: list[float] = []
    for number in range(options.searches):
        task = tasks[number % len(tasks)]
        episode = environment.open(task)
        call = ToolCall(name="search", arguments={"keywords": task.data["goal"]["instruction"]})
        watch = _Watch()
        episode.step(call)
        seconds.append(watch.seconds())
        computed.append(watch.computed())
    found |= {"search_milliseconds": _spread(seconds), "computed_milliseconds": _spread(computed)}
    return found | {"peak": _peak(), "before": before}


class _Watch:
    """Time since it was made: by the clock, and spent by this process alone (on a machine with others)."""

    def __init__(self) -> None:
        self._start = time.perf_counter(), time.process_time()

    def seconds(self) -> float:
        return time.perf_counter() - self._start[0]

    def computed(self) -> float:
        return time.process_time() - self._start[1]


def _spread(seconds: list[float]) -> dict[str, float]:
    """In milliseconds."""
    ordered = sorted(1000 * each for each in seconds)
    p95 = ordered[int(0.95 * len(ordered))]
    return {"median": statistics.median(ordered), "p95": p95, "longest": ordered[-1]}


def _environment(options: argparse.Namespace) -> WebShopEnvironment:

    os.environ["TRAJECTUNE_CACHE"] = str(options.scratch / "cache")
    return WebShopEnvironment("webshop", path=options.scratch)


def _peak() -> float:
    """The most memory that this process ever held, in gigabytes (10⁹ bytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


STEPS = {"files": _files, "ready": _ready, "search": _search}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--products", type=int, default=PRODUCTS)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--scratch", type=Path, help="a folder on a disk with 8 GB of room")
    parser.add_argument("--step", choices=list(STEPS), help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
