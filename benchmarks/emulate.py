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
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from emulation import Prompts, Times, generate, naive, ours
from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.presets import upscale
from trajectune.curate.general.prompts import own_prompts
from trajectune.engine.engine import Engine
from trajectune.engine.speculation.length import expected
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import LoadedModel, layer_count, load_model
from trajectune.report.sections.provenance import commit, hardware, versions

WARM_UP = 64
"""Tokens of each prompt that the first, untimed call reads."""


def main() -> None:
    """Measure every system at every size."""
    options = _options()
    large, tuned, base = (
        load_model(name, options.dtype, options.device)
        for name in (options.large, options.small_tuned, options.small_base)
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    about, results = environment(options.dtype) | {"layers": layers(options)}, []
    for batch in (1, 8) if options.quick else (1, 8, 32):
        for length in (64,) if options.quick else (64, 1024):
            prompts = make_prompts(large, batch, length)
            results.append(compare(large, tuned, base, prompts, options.new_tokens))
            print(_line(results[-1]), file=sys.stderr)
            report = about | {"results": results}  # written each time: a stop costs one size
            options.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    print(options.out)


def make_prompts(model: LoadedModel, batch: int, length: int) -> Prompts:
    """Chat prompts of exactly `length` tokens, no two alike."""
    found, texts = [], own_prompts()
    for row in range(batch):
        messages: list[Message] = []
        tokens: list[int] = []
        for text in texts[row * 7 :] + texts:
            messages.append(Message(role="user", content=text))
            tokens = renderer_of(model.tokenizer).prompt(messages)
            if len(tokens) >= length:
                break
            messages.append(Message(role="assistant", content="Yes."))
        found.append(tokens[-length:])
    return found


def compare(
    large: LoadedModel, tuned: LoadedModel, base: LoadedModel, prompts: Prompts, new: int
) -> dict[str, Any]:
    """Times of every system on these prompts."""
    batch, room = len(prompts), len(prompts[0]) + new
    composition = upscale(large, tuned, base)

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
    ends = [prompt[-WARM_UP:] for prompt in prompts]
    times = {}
    for name, system in systems.items():
        system(ends)  # warms up; the speculative engine also learns its block length
        times[name] = system(prompts)
    rates = {name: each.decode for name, each in times.items()}
    rounds = fast.speculator.lengths
    block = rounds.drafted / max(rounds.rounds * batch, 1)
    return {
        "batch": batch,
        "prompt": len(prompts[0]),
        "new_tokens": new,
        "tokens_per_second": rates,
        "prefill_seconds": {name: each.prefill for name, each in times.items()},
        "speculative_over_naive": rates["speculative"] / rates["naive"],
        "speculative_over_large": rates["speculative"] / rates["large"],
        "acceptance": rounds.acceptance,
        "block": block,
        "predicted_tokens_per_second": batch
        * expected(rounds.acceptance, max(round(block), 1))
        / rounds.seconds(max(round(block), 1)),
    }


def environment(dtype: str) -> dict[str, Any]:
    """What the numbers depend on."""
    return {
        "command": " ".join(["python", *sys.argv]),
        "commit": commit(),
        "hardware": hardware(),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "dtype": dtype,
    }


def layers(options: argparse.Namespace) -> dict[str, int]:
    """Layers of each of the three models."""
    return {name: layer_count(getattr(options, name)) for name in ("large", "small_tuned", "small_base")}


def _line(result: dict[str, Any]) -> str:
    rates = ", ".join(f"{name} {rate:.1f}" for name, rate in result["tokens_per_second"].items())
    return (
        f"batch {result['batch']}, prompt {result['prompt']}: {rates} tok/s; "
        f"×{result['speculative_over_naive']:.2f} naive, ×{result['speculative_over_large']:.2f} large, "
        f"{result['acceptance']:.0%} kept, block {result['block']:.1f}"
    )


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
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/emulate-cpu.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
