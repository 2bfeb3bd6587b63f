"""Speed of emulated fine-tuning: three models naively, in one engine, and with speculation.

    python benchmarks/emulate.py --small-base runs/small/heal/model --small-tuned runs/agent/tune/model
    python benchmarks/emulate.py … --quick

All sides decode greedily, the same number of tokens without an early stop, from the same prompts (ordinary
requests, put together up to the wanted length):

- `naive`: three transformers models, each with its own growing cache, one forward each per token, the
  logits summed: how proxy-tuning is written;
- `engine` and `speculative`: the composition in our engine, one token at a time or in drafted blocks;
- `large` and `large_engine`: the large model alone, by `transformers.generate` and by our engine;
- `assisted`: `transformers` assisted generation of the large model with the small base model (another
  distribution, for reference; batch 1 only).

Reported are seconds until every row has its first token, tokens per second from then on, the share of
drafts kept, the mean block, and the rate that the cost model predicts beside the measured one. The naive
side is spared the logits of its prompts, which it would not need.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from emulation import Prompts, Times, generate, naive, ours
from harness.compare import Side, compare
from harness.comparison import Comparison
from harness.machine import machine
from harness.progress import line
from harness.results import run, status, write
from harness.table import table
from harness.weather import Station
from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.presets import upscale
from trajectune.curate.general.prompts import own_prompts
from trajectune.engine.engine import Engine
from trajectune.engine.speculation.length import expected
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel, layer_count, load_model

WARM_UP = 64
"""Tokens of each prompt that are read in the round that warms up."""
ROUNDS = {"warmups": 1, "least": 3}


def main() -> int:
    """Measure every system at every size."""
    options = _options()
    large, tuned, base = (
        load_model(name, options.dtype, options.device)
        for name in (options.large, options.small_tuned, options.small_base)
    )
    about, results = machine(dtype=options.dtype, layers=layers(options)), list[dict[str, Any]]()
    station, found = Station(options.device, large.dtype), list[Comparison]()
    for batch in options.batches:
        for length in options.lengths:
            size = Size(large, batch, length, options.new_tokens)
            result, comparison = measured(size, tuned, base, options.seconds, station)
            results.append(result)
            found.append(comparison)
            print(table(f"batch {batch}, prompt {length}", comparison), flush=True)
            write(options.out, about | {"results": results})  # each time: a stop costs one size
    print(options.out)
    return status(found)


@dataclass(frozen=True)
class Size:
    """What is asked of every system in a round."""

    large: LoadedModel
    batch: int
    length: int
    new: int

    def prompts(self, number: int) -> Prompts:
        """The round's chat prompts of exactly `length` tokens, no two alike."""
        return [self._prompt(number * self.batch + row) for row in range(self.batch)]

    def _prompt(self, row: int) -> list[int]:
        texts = own_prompts()
        start = row * 7 % len(texts)
        messages: list[Message] = []
        tokens: list[int] = []
        for text in texts[start:] + texts:
            messages.append(Message(role="user", content=text))
            tokens = renderer_of(self.large.tokenizer).prompt(messages)
            if len(tokens) >= self.length:
                break
            messages.append(Message(role="assistant", content="Yes."))
        return tokens[-self.length :]


def measured(
    size: Size, tuned: LoadedModel, base: LoadedModel, seconds: float, station: Station
) -> tuple[dict[str, Any], Comparison]:
    """Every system at this size."""
    large, batch, new = size.large, size.batch, size.new
    composition, room = upscale(large, tuned, base), size.length + size.new

    def engine(what: Composition, how: Speculation | None) -> Engine:
        return Engine(what, max_batch=batch, max_context=room, prefill_tokens=2048, speculation=how)

    plain, fast = engine(composition, None), engine(composition, Speculation())
    alone = engine(Composition.single(large), None)
    systems: dict[str, Callable[[Prompts], Times]] = {
        "naive": lambda asked: naive([large, tuned, base], [1.0, 1.0, -1.0], asked, new),
        "engine": lambda asked: ours(plain, asked, new),
        "speculative": lambda asked: ours(fast, asked, new),
        "large": lambda asked: generate(large, asked, new),
        "large_engine": lambda asked: ours(alone, asked, new),
    }
    if batch == 1:
        systems["assisted"] = lambda asked: generate(large, asked, new, assistant_model=base.model)
    sides = {name: side(system, size) for name, system in systems.items()}
    show = line(f"batch {batch}, prompt {size.length}")
    found = compare(sides, baseline="naive", seconds=seconds, station=station, show=show, **ROUNDS)
    return result(size, found, fast.speculator.lengths), found


def side(system: Callable[[Prompts], Times], size: Size) -> Side:
    """A system's round; the first ones warm up (the speculative engine also learns its block length)."""

    def work(number: int) -> dict[str, float]:
        prompts = size.prompts(number)
        if number < ROUNDS["warmups"]:
            prompts = [prompt[-WARM_UP:] for prompt in prompts]
        times = system(prompts)
        return {"decode": times.decode, "prefill": sum(map(len, prompts)) / times.prefill}

    return work


def result(size: Size, found: Comparison, drafts: Any) -> dict[str, Any]:
    """The size in a result file: medians, what was kept of the drafts, and the whole comparison."""
    rates = {name: found.rate(name, "decode") for name in found.sides}
    reading = {name: found.rate(name, "prefill") for name in found.sides}
    over = {name: found.beside(name).ratio("speculative", "decode") for name in ("naive", "large")}
    block = drafts.drafted / max(drafts.rounds * size.batch, 1)
    length = max(round(block), 1)
    return {
        "batch": size.batch,
        "prompt": size.length,
        "new_tokens": size.new,
        "tokens_per_second": {name: rate and rate.median for name, rate in rates.items()},
        "prefill_seconds": {
            name: rate and size.batch * size.length / rate.median for name, rate in reading.items()
        },
        **{f"speculative_over_{name}": ratio and ratio.mean for name, ratio in over.items()},
        "acceptance": drafts.acceptance,
        "block": block,
        "predicted_tokens_per_second": size.batch
        * expected(drafts.acceptance, length)
        / drafts.seconds(length),
        "comparison": found.report(),
    }


def layers(options: argparse.Namespace) -> dict[str, int]:
    """Layers of each of the three models."""
    return {name: layer_count(getattr(options, name)) for name in ("large", "small_tuned", "small_base")}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", default="embedded")
    parser.add_argument("--small-tuned", required=True)
    parser.add_argument("--small-base", required=True)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--new-tokens", type=int, default=64)
    parser.add_argument("--batches", nargs="+", type=int, help="1, 8 and 32 unless said otherwise")
    parser.add_argument("--lengths", nargs="+", type=int, help="of the prompts: 64 and 1024")
    parser.add_argument("--seconds", type=float, default=120, help="for each size")
    parser.add_argument("--quick", action="store_true", help="batches 1 and 8, prompts of 64 tokens")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/emulate-cpu.json"))
    options = parser.parse_args()
    options.batches = options.batches or ([1, 8] if options.quick else [1, 8, 32])
    options.lengths = options.lengths or ([64] if options.quick else [64, 1024])
    if options.quick:
        options.seconds = min(options.seconds, 20)
    return options


if __name__ == "__main__":
    run(main)
