"""Decoding speed beside `transformers.generate`: batches of 1, 8 and 32, and ten-turn episodes.

    python benchmarks/decode.py                    # the embedded model on the CPU, about 25 minutes
    python benchmarks/decode.py --quick            # to see that it works
    python benchmarks/decode.py --device cuda --model my/model
    python benchmarks/decode.py --dtypes bfloat16 --rival "openvino=VENV/bin/python
        benchmarks/rivals/rival_openvino.py MODEL.gguf"    # one more side, in a process of its own

All sides get the same prompts (random tokens with nothing in common, so nothing is shared between rows),
produce the same number of tokens with no early stop, and greedily. In the episodes every turn adds 32
observation tokens and 32 reply tokens to a 256-token start; `generate` reads the whole conversation anew
each turn, which is what it offers. Batches report decoding (from the last row's first token on), prefill
(until then) and both together; episodes count reply tokens over the whole time. The floor is the time to
read all weights once per step at the bandwidth measured in this run.
"""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import torch

from decoding import (
    DECODERS,
    EPISODES,
    PROMPT,
    TURNS,
    Case,
    decoders,
    read_bandwidth,
    rival,
    side,
    weight_bytes,
)  # fmt: skip
from harness.compare import Side, compare
from harness.comparison import Comparison
from harness.machine import machine
from harness.process import Child
from harness.progress import line
from harness.results import run, status, write
from harness.table import table
from harness.weather import Station
from trajectune.engine.network.native.library import native_library
from trajectune.models.loading import LoadedModel, load_model

BASELINE, *_ = DECODERS


def main() -> int:
    options = _options()
    bandwidth = read_bandwidth(options.device)
    about = machine(model=options.model, device=options.device, prompt_tokens=PROMPT)
    report: dict[str, Any] = about | {"read_gigabytes_per_second": bandwidth / 1e9, "results": []}
    found: list[Comparison] = []
    with ExitStack() as stack:
        rivals = {name: stack.enter_context(child) for name, child in _children(options.rival)}
        for dtype in options.dtypes:
            loaded = load_model(options.model, dtype=dtype, device=options.device)
            station = Station(options.device, getattr(torch, dtype))
            for case in _cases(loaded, _rounded(dtype, options), options):
                found.append(compare_case(case, options.seconds, station, rivals, **_least(case, options)))
                floor = case.rows * bandwidth / weight_bytes(loaded)
                report["results"].append(
                    result(case, found[-1]) | {"dtype": dtype, "floor_tokens_per_second": floor}
                )
                write(options.out, report)
                print(table(f"{dtype}, {case.name}", found[-1]), flush=True)
    print(options.out)
    return status(found)


def _rounded(dtype: str, options: argparse.Namespace) -> LoadedModel | None:
    """The model in int8, beside bf16 on a CPU that the native network knows."""
    if dtype != "bfloat16" or options.device != "cpu" or native_library() is None:
        return None
    return load_model(options.model, "int8", "cpu")


def _cases(loaded: LoadedModel, rounded: LoadedModel | None, options: argparse.Namespace) -> Iterator[Case]:
    for rows in options.batches:
        yield Case(loaded, rows, 16 if options.quick else 32, rounded=rounded)
    if options.episodes:
        yield Case(loaded, EPISODES, turns=2 if options.quick else TURNS, rounded=rounded)


def _least(case: Case, options: argparse.Namespace) -> dict[str, int]:
    """Episodes are long enough to be clear after a few."""
    if options.quick:
        return {"warmups": 1, "least": 2}
    return {"warmups": 1, "least": 3} if case.turns else {}


def _children(commands: list[str]) -> Iterator[tuple[str, Child]]:
    """Rivals by name, ready to be asked."""
    path = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    for each in commands:
        name, _, command = each.partition("=")
        yield name, Child(name, shlex.split(command), environment=path)


def compare_case(
    case: Case, seconds: float, station: Station, rivals: Mapping[str, Child] | None = None, **options: int
) -> Comparison:
    """All sides on one case."""
    sides: dict[str, Side] = {name: side(each, case) for name, each in decoders(case).items()}
    sides |= {name: rival(child, case) for name, child in (rivals or {}).items()}
    show = line(case.name)
    return compare(sides, baseline=BASELINE, seconds=seconds, station=station, show=show, **options)


def result(case: Case, found: Comparison) -> dict[str, Any]:
    """The case in a result file: rates by part, ours over the baseline's, and the whole comparison."""
    parts: dict[str, Any] = {}
    for part in found.parts:
        ratio = found.ratio("trajectune", part)
        rates = {one: found.rate(one, part) for one in found.sides}
        parts[part] = {one: rate and rate.median for one, rate in rates.items()}
        parts[part]["ratio"] = ratio and ratio.mean
    return {"case": case.name, "new_tokens": case.new, **parts, "comparison": found.report()}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtypes", nargs="+", default=["float32", "bfloat16"])
    parser.add_argument("--batches", nargs="*", type=int, help="1, 8 and 32 unless said otherwise")
    parser.add_argument("--episodes", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--rival", action="append", default=[], metavar="NAME=COMMAND")
    parser.add_argument("--seconds", type=float, default=120, help="for each case")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    name = f"decode-{options.device.split(':')[0]}{'-quick' if options.quick else ''}.json"
    options.out = options.out or Path(__file__).parent / "results" / name
    if options.batches is None:
        options.batches = [1, 8] if options.quick else [1, 8, 32]
    if options.quick:
        options.seconds = min(options.seconds, 10)
    return options


if __name__ == "__main__":
    run(main)
