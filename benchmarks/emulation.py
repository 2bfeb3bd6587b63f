"""The sides that emulated fine-tuning is timed against, and what a round of drafts costs and gives."""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.composition.presets import upscale
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.engine.speculation.length import expected
from trajectune.models.loading import LoadedModel

Prompts = list[list[int]]
BLOCKS = (1, 2, 3, 4, 6, 8, 12)
PROMPT = 64


@dataclass(frozen=True, slots=True)
class Times:
    """Seconds until every row has its first token, and tokens per second (all rows) from then on."""

    prefill: float
    decode: float


@torch.inference_mode()
def naive(models: list[LoadedModel], weights: list[float], prompts: Prompts, new: int) -> Times:
    """Three cached forwards per token, logits summed in the models' number format."""
    start = time.perf_counter()
    first = start
    inputs = [torch.tensor(prompts, device=model.device) for model in models]
    caches: list[Any] = [None] * len(models)
    for place in range(new):
        total: Any = 0
        for index, model in enumerate(models):
            output: Any = model.model(
                inputs[index], past_key_values=caches[index], use_cache=True, logits_to_keep=1
            )
            caches[index] = output.past_key_values
            total = total + weights[index] * output.logits[:, -1]
        token = total.argmax(-1, keepdim=True)
        token.tolist()  # chosen: on a GPU too
        inputs = [token] * len(models)
        if place == 0:
            first = time.perf_counter()
    return Times(first - start, len(prompts) * (new - 1) / (time.perf_counter() - first))


def ours(engine: Engine, prompts: Prompts, new: int) -> Times:
    """The engine, with nothing kept from the last call."""
    for stream in engine._streams:
        for slot in range(len(stream.cache.held)):
            stream.cache.keep(slot, 0)
    start = time.perf_counter()
    begun: dict[int, float] = {}
    requests = [Request(tokens, new, stop_tokens=()) for tokens in prompts]

    def note(row: int, _: int) -> None:
        begun.setdefault(row, time.perf_counter())

    engine.generate(requests, note)
    first = max(begun.values())
    return Times(first - start, len(prompts) * (new - 1) / (time.perf_counter() - first))


def generate(model: LoadedModel, prompts: Prompts, new: int, **options: Any) -> Times:
    """`transformers.generate`, greedy, without an early stop."""
    ids = torch.tensor(prompts, device=model.device)
    steps: list[tuple[float, int]] = []

    def tick(written: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
        steps.append((time.perf_counter(), written.shape[1]))
        return torch.zeros(len(written), dtype=torch.bool, device=written.device)

    start = time.perf_counter()
    model.model.generate(  # pyright: ignore[reportCallIssue]
        ids, attention_mask=torch.ones_like(ids), min_new_tokens=new, max_new_tokens=new, do_sample=False,
        pad_token_id=0, stopping_criteria=[tick], **options,
    )  # fmt: skip
    (first, early), (last, late) = steps[0], steps[-1]
    return Times(first - start, len(prompts) * (late - early) / (last - first))


def measure(
    large: LoadedModel,
    tuned: LoadedModel,
    base: LoadedModel,
    rounds: int,
    blocks: Sequence[int] = BLOCKS,
) -> dict[str, Any]:
    """Seconds of a naive step, of the large model's, of our step, and of a round by block length."""
    prompts = [torch.randint(0, large.model.config.vocab_size, (PROMPT,)).tolist()]
    composition = upscale(large, tuned, base)
    seconds: dict[str, Any] = {}
    for name, models, weights in (
        ("naive", [large, tuned, base], [1.0, 1.0, -1.0]),
        ("large", [large], [1.0]),
    ):
        naive(models, weights, prompts, 3)
        seconds[name] = 1 / naive(models, weights, prompts, rounds + 1).decode
        print(f"{name}: {seconds[name]:.4f} s a token", file=sys.stderr)
    alone = Composition.single(large)
    seconds["large_engine"] = seconds_of_round(alone, None, prompts[0], rounds)
    seconds["engine"] = seconds_of_round(composition, None, prompts[0], rounds)
    seconds["round"] = {}
    for block in blocks:
        how = Speculation(block=block)
        seconds["round"][block] = seconds_of_round(composition, how, prompts[0], rounds)
        print(f"block {block}: {seconds['round'][block]:.4f} s a round", file=sys.stderr)
    return seconds


def seconds_of_round(
    composition: Composition, how: Speculation | None, prompt: list[int], rounds: int
) -> float:
    """Median seconds of an engine's step after the prompt and three steps to warm up."""
    engine = Engine(composition, max_batch=1, max_context=1024, speculation=how)
    engine.submit(0, Request(prompt, 900, stop_tokens=()))
    for _ in range(4):
        engine.step()
    taken = []
    for _ in range(rounds):
        start = time.perf_counter()
        engine.step()
        taken.append(time.perf_counter() - start)
    engine.stop()
    return statistics.median(taken)


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
