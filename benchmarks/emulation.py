"""The sides that emulated fine-tuning is timed against, and what a round of drafts costs and gives."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from harness.compare import Side, compare
from harness.comparison import Comparison
from harness.progress import line
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
    steps: int,
    blocks: Sequence[int] = BLOCKS,
    **options: Any,
) -> tuple[dict[str, Any], Comparison]:
    """Seconds of a naive step, of the large model's, of our step, and of a round by block length.

    Each side makes `steps` of its steps in a round; options are those of `harness.compare`.
    """
    composition, alone = upscale(large, tuned, base), Composition.single(large)
    vocabulary = large.model.config.vocab_size
    sides = {
        "naive": _naive_steps([large, tuned, base], [1.0, 1.0, -1.0], vocabulary, steps),
        "large": _naive_steps([large], [1.0], vocabulary, steps),
        "large_engine": _engine_steps(alone, None, vocabulary, steps),
        "engine": _engine_steps(composition, None, vocabulary, steps),
    }
    for block in blocks:
        sides[_block(block)] = _engine_steps(composition, Speculation(block=block), vocabulary, steps)
    found = compare(sides, baseline="naive", show=line("rounds"), **options)
    seconds: dict[str, Any] = {side: _seconds(found, side) for side in list(sides)[:4]}
    return seconds | {"round": {block: _seconds(found, _block(block)) for block in blocks}}, found


def _block(length: int) -> str:
    return f"round of {length}"


def _seconds(found: Comparison, side: str) -> float:
    """Of one step; of any round where all were disturbed (the comparison says so)."""
    rate = found.rate(side, "steps")
    return 1 / (rate.median if rate else found.rounds[-1].pieces[side].rates["steps"])


def _naive_steps(models: list[LoadedModel], weights: list[float], vocabulary: int, steps: int) -> Side:
    return lambda number: {"steps": naive(models, weights, [_prompt(number, vocabulary)], steps + 1).decode}


def _engine_steps(composition: Composition, how: Speculation | None, vocabulary: int, steps: int) -> Side:
    """The engine's steps after the prompt and three steps to warm up.

    Each round makes a new engine, which is not timed: on a CPU every one has its own packed weights.
    """

    def side(number: int) -> dict[str, float]:
        engine = Engine(composition, max_batch=1, max_context=1024, speculation=how)
        engine.submit(0, Request(_prompt(number, vocabulary), 900, stop_tokens=()))
        for _ in range(4):
            engine.step()
        start = time.perf_counter()
        for _ in range(steps):
            engine.step()
        taken = time.perf_counter() - start
        engine.stop()
        return {"steps": steps / taken}

    return side


def _prompt(number: int, vocabulary: int) -> list[int]:
    draw = random.Random(number)
    return [draw.randrange(vocabulary) for _ in range(PROMPT)]


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
