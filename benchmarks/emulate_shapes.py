"""Emulated fine-tuning on models of realistic shapes with random weights: what a round costs, and gives.

    python benchmarks/emulate_shapes.py                       # 1.7B with 135M on the CPU, fp32
    python benchmarks/emulate_shapes.py --large 360m --rounds 4

The time of a step or round does not depend on what the weights know, the share of drafts kept does. So the
times are measured here, on random weights, and the tokens per round follow from shares that are assumed
(`benchmarks/emulate.py` measures true ones on a tuned pair): E = (1 − a^g)/(1 − a) tokens of g drafts, each
kept with probability a. Batch 1, prompts of 64 tokens; `naive` is transformers, one cached forward of each
of the three models per token; `large` is the large model alone, by transformers in the same way.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from emulate import environment, naive
from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.presets import upscale
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.engine.speculation.length import expected
from trajectune.models.loading import LoadedModel, load_model

SHAPES = {
    # SmolLM2's family: layers, width, feed-forward width, heads, key-value heads.
    "135m": (30, 576, 1536, 9, 3),
    "360m": (32, 960, 2560, 15, 5),
    "1.7b": (24, 2048, 8192, 32, 32),
}
BLOCKS = (1, 2, 3, 4, 6, 8, 12)
SHARES = (0.6, 0.7, 0.8, 0.9)
PROMPT = 64


def main() -> None:
    """Measure one pair of shapes."""
    options = _options()
    like = load_model("embedded", options.dtype, options.device)
    torch.manual_seed(0)
    large, tuned, base = (
        random_model(name, like) for name in (options.large, options.small, options.small)
    )
    seconds = measure(large, tuned, base, options.rounds)
    report = environment(options.dtype) | {
        "shapes": {"large": options.large, "small": options.small},
        "seconds": seconds,
        "by_share_kept": [gain(seconds, share) for share in SHARES],
    }
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    for each in report["by_share_kept"]:
        print(each)
    print(options.out)


def random_model(shape: str, like: LoadedModel) -> LoadedModel:
    """A Llama of this shape with random weights, and `like`'s tokenizer, number format and device."""
    layers, width, inner, heads, key_heads = SHAPES[shape]
    config = LlamaConfig(
        vocab_size=like.model.config.vocab_size,
        hidden_size=width,
        intermediate_size=inner,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=key_heads,
        max_position_embeddings=8192,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config).to(dtype=like.dtype, device=like.device).eval()  # pyright: ignore
    return LoadedModel(model, like.tokenizer, shape)


def measure(large: LoadedModel, tuned: LoadedModel, base: LoadedModel, rounds: int) -> dict[str, Any]:
    """Seconds of a naive step, of the large model's, of our step, and of a round by block length."""
    prompts = [torch.randint(0, 10_000, (PROMPT,)).tolist()]
    composition = upscale(large, tuned, base)
    seconds: dict[str, Any] = {}
    for name, models, weights in (
        ("naive", [large, tuned, base], [1.0, 1.0, -1.0]),
        ("large", [large], [1.0]),
    ):
        naive(models, weights, prompts, 3)
        seconds[name] = 1 / naive(models, weights, prompts, rounds + 1).decode
        print(f"{name}: {seconds[name]:.4f} s a token", file=sys.stderr)
    seconds["engine"] = seconds_of_round(composition, None, prompts[0], rounds)
    seconds["round"] = {}
    for block in BLOCKS:
        how = Speculation(block=block)
        seconds["round"][block] = seconds_of_round(composition, how, prompts[0], rounds)
        print(f"block {block}: {seconds['round'][block]:.4f} s a round", file=sys.stderr)
    return seconds


def seconds_of_round(
    composition: Composition, how: Speculation | None, prompt: list[int], rounds: int
) -> float:
    """Mean seconds of an engine's step after the prompt and three steps to warm up."""
    engine = Engine(composition, max_batch=1, max_context=1024, speculation=how)
    engine.submit(0, Request(prompt, 900, stop_tokens=()))
    for _ in range(4):
        engine.step()
    start = time.perf_counter()
    for _ in range(rounds):
        engine.step()
    taken = time.perf_counter() - start
    engine.stop()
    return taken / rounds


def gain(seconds: dict[str, Any], share: float) -> dict[str, float]:
    """The best block where this share of drafts is kept, and its tokens per second over the others'."""
    rates = {block: expected(share, block) / taken for block, taken in seconds["round"].items()}
    block = max(rates, key=lambda block: rates[block])
    return {
        "share_kept": share,
        "block": block,
        "tokens_per_second": rates[block],
        "over_naive": rates[block] * seconds["naive"],
        "over_large": rates[block] * seconds["large"],
    }


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", default="1.7b", choices=SHAPES)
    parser.add_argument("--small", default="135m", choices=SHAPES)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/emulate-shapes-cpu.json"))
    return parser.parse_args()


if __name__ == "__main__":
    main()
