"""What decoding in bf16 and in int8 changes, beside fp32: logits, replies, and success on unseen tasks.

    python benchmarks/precision.py runs/quickstart --tasks 200      # about ten minutes

The tuned model of a finished run plays unseen database tasks in every precision. What it was asked and what
it replied in the first of them is then read again in each: KL divergence from fp32 and agreement on the
likeliest token over all tokens of those replies, and the share of whole greedy replies that come out the
same. `contrast` is 1·tuned + 1·tuned − 1·base, whose weights may amplify what rounding does.
"""

from __future__ import annotations

import argparse
import gc
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import torch

from harness.machine import machine
from harness.results import run, write
from trajectune.composition.composition import Composition
from trajectune.engine.engine import Engine
from trajectune.engine.network.batch import Segment, make_batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.native.library import SWITCH, native_library
from trajectune.engine.network.network import make_network
from trajectune.engine.requests import Generation, Request
from trajectune.environments.registry import load_environment
from trajectune.evaluate.suites.environment import EnvironmentSuite
from trajectune.evaluate.systems import load_system
from trajectune.models.loading import LoadedModel, load_model
from trajectune.run.api.measuring import evaluate

PRECISIONS = {
    "float32": ("float32", ""),
    "bfloat16, PyTorch": ("bfloat16", "off"),
    "bfloat16": ("bfloat16", ""),
    "int8": ("int8", ""),
}
"""Name: dtype, and what `TRAJECTUNE_NATIVE` says."""
BATCH, CONTEXT, NEW = 60, 2_048, 128
TASKS = {"source": "generated", "level": "plain"}
"""Options of the database environment: those of the quickstart."""
Asked = list[tuple[list[int], list[int]]]
"""Prompts with their replies, in tokens."""


def main() -> int:
    options = _options()
    tuned = str(options.run / "tune" / "model") if options.model is None else options.model
    report: dict[str, Any] = machine(model=str(options.base)) | {"tasks": options.tasks, "precisions": {}}
    asked: Asked = []
    for name in options.played:
        with precision(name) as dtype:
            success, played = play(load_model(tuned, dtype, "cpu"), options)
        asked = asked or played[:: max(len(played) // options.replies, 1)][: options.replies]
        report["precisions"][name] = {"success": success}
        print(name, success, flush=True)
    expected: dict[str, list[torch.Tensor]] = {}
    for name in PRECISIONS:
        with precision(name) as dtype:
            found = read_again(tuned, options.base, dtype, asked)
            equal = equal_replies(load_model(tuned, dtype, "cpu"), asked)
        expected = expected or found
        apart = {key: distance(found[key], expected[key]) for key in found}
        report["precisions"].setdefault(name, {"success": None}).update({"equal_replies": equal, **apart})
        print(name, report["precisions"][name], flush=True)
        write(options.out, report)
        gc.collect()
    return 0


@contextmanager
def precision(name: str) -> Iterator[str]:
    """Lets networks be native or not, as the precision asks for; gives the dtype to load."""
    dtype, switch = PRECISIONS[name]
    with mock.patch.dict(os.environ, {SWITCH: switch}):
        native_library.cache_clear()
        yield dtype
    native_library.cache_clear()


def play(model: LoadedModel, options: argparse.Namespace) -> tuple[dict[str, Any], Asked]:
    """Success on unseen tasks, and all that was asked and replied."""
    asked: Asked = []
    generate = Engine.generate

    def noted(self: Engine, requests: Sequence[Request], on_token: Any = None) -> list[Generation]:
        replies = generate(self, requests, on_token)
        asked.extend(
            (r.tokens, reply.tokens) for r, reply in zip(requests, replies, strict=True) if reply.tokens
        )
        return replies

    environment = load_environment("database", {"test": options.tasks, **TASKS})
    suite = EnvironmentSuite(environment, tasks=options.tasks, repetition_limit=3)
    system = load_system(
        "it", model, dialect="agentbench", batch_size=BATCH, max_new_tokens=NEW, max_context=CONTEXT
    )
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(Engine, "generate", noted):
        measurement = evaluate(system, [suite], to=folder).measurements[0]
    value = measurement.value
    return (value.model_dump(mode="json") if value is not None else {}), asked


@torch.inference_mode()
def logits_of(model: LoadedModel, asked: Asked) -> list[torch.Tensor]:
    """Of each reply, the logits behind all but its last token; `[tokens, vocabulary]`."""
    network, found = make_network(model), []
    for prompt, reply in asked:
        tokens = torch.tensor(prompt + reply[:-1])
        batch = make_batch([Segment(0, 0, len(tokens))], tokens.device)
        places = torch.arange(len(prompt) - 1, len(tokens))
        found.append(network(tokens, batch, KVCache(model, 1, len(tokens)), places).float())
    return found


def read_again(tuned: str, base: str, dtype: str, asked: Asked) -> dict[str, list[torch.Tensor]]:
    """Logits over the replies: of the tuned model, and of the contrast."""
    found = logits_of(load_model(tuned, dtype, "cpu"), asked)
    return {"tuned": found, "contrast": contrast(found, logits_of(load_model(base, dtype, "cpu"), asked))}


def contrast(tuned: list[torch.Tensor], base: list[torch.Tensor]) -> list[torch.Tensor]:
    """Logits of 1·tuned + 1·tuned − 1·base."""
    return [2 * one - other for one, other in zip(tuned, base, strict=True)]


def equal_replies(model: LoadedModel, asked: Asked) -> float:
    """Share of the replies that come out the same, greedily."""
    engine = Engine(Composition.single(model), max_batch=BATCH, max_context=CONTEXT)
    replies = engine.generate([Request(prompt, len(reply), stop_tokens=()) for prompt, reply in asked])
    same = [found.tokens == reply for found, (_, reply) in zip(replies, asked, strict=True)]
    return sum(same) / len(same)


def distance(found: list[torch.Tensor], expected: list[torch.Tensor]) -> dict[str, float]:
    """KL(expected ‖ found) in nats, and how often the likeliest token is the same; means over tokens."""
    divergence, same, count = 0.0, 0, 0
    for ours, theirs in zip(found, expected, strict=True):
        q, p = ours.log_softmax(-1), theirs.log_softmax(-1)
        divergence += float((p.exp() * (p - q)).sum())
        same += int((ours.argmax(-1) == theirs.argmax(-1)).sum())
        count += len(ours)
    return {"kl": divergence / count, "top_1": same / count, "tokens": count}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("--model", help="the tuned model, where it does not lie in the run's folder")
    parser.add_argument("--base", default="embedded")
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--played", nargs="+", choices=PRECISIONS, default=["float32", "bfloat16", "int8"])
    parser.add_argument("--replies", type=int, default=150, help="that are read again")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parent / "results" / "precision-cpu.json"
    )
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
