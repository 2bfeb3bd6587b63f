"""Emulated fine-tuning at 8B/1B shapes: naive, in the engine, with drafts, beside the large model alone.

Random weights accept next to no draft, so rounds are timed at fixed lengths, and tokens per second follow
from shares of drafts kept that are assumed (`benchmarks/emulate_shapes.py` does the same on a CPU).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache, partial
from typing import Any

from emulation import BLOCKS, gain, measure, ours
from gpu_models import DEVICE, loaded
from harness.weather import Station
from trajectune.composition.drafting import Speculation
from trajectune.composition.presets import upscale
from trajectune.engine.engine import Engine
from trajectune.models.loading import LoadedModel

Answer = dict[str, Any]
SHARES = (0.6, 0.7, 0.8)
PROMPT = list(range(100, 164))


def cases(small: bool) -> Iterator[tuple[str, Callable[[], Answer]]]:
    """Each case by name."""
    large, tuned = ("larger toy", "toy") if small else ("8b", "1b")
    yield f"rounds {large}/{tuned}", partial(rounds, large, tuned, 2 if small else 8)
    yield f"adaptive drafts {large}/{tuned}", partial(adaptive, large, tuned, 8 if small else 64)


@cache
def _triple(large: str, small: str) -> tuple[LoadedModel, LoadedModel, LoadedModel]:
    return loaded(large), loaded(small, 1), loaded(small, 2)


def rounds(large: str, small: str, steps: int) -> Answer:
    """Seconds of each kind of step, and what follows from them."""
    station = Station(DEVICE)
    limits = {"seconds": 30.0, "warmups": 1, "least": 2, "station": station}
    seconds, found = measure(*_triple(large, small), steps, BLOCKS, **limits)
    names = ("naive", "engine", "large", "large_engine")
    return {
        "seconds": seconds,
        "tokens_per_second": {name: 1 / seconds[name] for name in names},
        "by_share_kept": [gain(seconds, share) for share in SHARES],
        "comparison": found.report(),
    }


def adaptive(large: str, small: str, new: int) -> Answer:
    """Drafts of adaptive length on these random weights: that nothing breaks, and what bad ones cost."""
    composition = upscale(*_triple(large, small))
    answer: Answer = {}
    for rows in (1, 8):
        engine = Engine(composition, max_batch=rows, max_context=1024, speculation=Speculation())
        plain = Engine(composition, max_batch=rows, max_context=1024)
        prompts = [[*PROMPT, row] for row in range(rows)]
        for each in (engine, plain):
            ours(each, prompts, 8)
        answer[f"batch {rows}"] = {
            "tokens_per_second": ours(engine, prompts, new).decode,
            "without_drafts": ours(plain, prompts, new).decode,
            "acceptance": engine.speculator.lengths.acceptance,
        }
    return answer
