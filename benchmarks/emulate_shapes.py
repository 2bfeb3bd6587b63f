"""Emulated fine-tuning on models of realistic shapes with random weights: what a round costs, and gives.

    python benchmarks/emulate_shapes.py                       # 1.7B with 135M on the CPU, fp32
    python benchmarks/emulate_shapes.py --large 360m --seconds 60

The time of a step or round does not depend on what the weights know, the share of drafts kept does. So the
times are measured here, on random weights, and the tokens per round follow from shares that are assumed
(`benchmarks/emulate.py` measures true ones on a tuned pair): E = (1 − a^g)/(1 − a) tokens of g drafts, each
kept with probability a. Batch 1, prompts of 64 tokens; `naive` is transformers, one cached forward of each
of the three models per token; `large` is the large model alone, by transformers in the same way.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from emulation import gain, measure
from harness.machine import machine
from harness.results import run, status, write
from harness.table import table
from harness.weather import Station
from trajectune.models.loading import LoadedModel, load_model

SHAPES = {
    # SmolLM2's family: layers, width, feed-forward width, heads, key-value heads.
    "135m": (30, 576, 1536, 9, 3),
    "360m": (32, 960, 2560, 15, 5),
    "1.7b": (24, 2048, 8192, 32, 32),
}
SHARES = (0.6, 0.7, 0.8, 0.9)


def main() -> int:
    """Measure one pair of shapes."""
    options = _options()
    like = load_model("embedded", options.dtype, options.device)
    torch.manual_seed(0)
    large, tuned, base = (
        random_model(name, like) for name in (options.large, options.small, options.small)
    )
    station = Station(options.device, like.dtype)
    limits = {"seconds": options.seconds, "station": station, "warmups": 1, "least": 3}
    seconds, found = measure(large, tuned, base, options.steps, **limits)
    shapes = {"large": options.large, "small": options.small}
    report = machine(dtype=options.dtype, shapes=shapes) | {
        "seconds": seconds,
        "by_share_kept": [gain(seconds, share) for share in SHARES],
        "comparison": found.report(),
    }
    write(options.out, report)
    print(table(f"{options.large} with {options.small}", found))
    for each in report["by_share_kept"]:
        print(each)
    print(options.out)
    return status([found])


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


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", default="1.7b", choices=SHAPES)
    parser.add_argument("--small", default="135m", choices=SHAPES)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--steps", type=int, default=4, help="of every side in a round")
    parser.add_argument("--seconds", type=float, default=240)
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/emulate-shapes-cpu.json"))
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
