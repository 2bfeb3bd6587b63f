"""Emulated fine-tuning on the replies it is for: the large model alone, plain composition, and drafts.

    python benchmarks/drafts.py --large large --small-base small --small-tuned tuned

One conversation at a time. *Database*: the turns of unseen episodes of the database environment, each
prompt being what came before a turn as the expert played it. *General*: ordinary requests. Both greedily
and at temperature 1; the sides take turns on the same prompts. A rate is of the tokens behind each reply's
first one. Sides:

- `large`: the large model alone, in our engine;
- `plain`: the composition (large + tuned - base), a token at a time;
- `drafts`: the composition, drafted by its small tuned model;
- `int8 drafts`: the composition, drafted by the small tuned model in int8.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import trajectune as tt
from harness.compare import Side, compare
from harness.comparison import Answer, Comparison
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
from trajectune.engine.requests import Request
from trajectune.engine.sampling import Sampling
from trajectune.example import Message
from trajectune.models.chat import renderer_of
from trajectune.models.loading import load_model, rounded

CONTEXT = 2_048
Prompts = list[list[int]]


def main() -> int:
    """Both kinds of work at both temperatures."""
    options = _options()
    large, tuned, base = (
        load_model(name, options.dtype, "cpu")
        for name in (options.large, options.small_tuned, options.small_base)
    )
    station, found = Station("cpu", large.dtype), list[Comparison]()
    report: dict[str, Any] = machine(dtype=options.dtype) | {"results": []}
    work = {"database": database(large.tokenizer, options.episodes), "general": general(large.tokenizer)}
    for kind, rounds in work.items():
        for temperature in options.temperatures:
            engines = sides_of(large, tuned, base)
            name = f"{kind}, temperature {temperature:g}"
            sides = {side: replies(each, rounds, temperature, options) for side, each in engines.items()}
            limits = {"warmups": 1, "seconds": options.seconds, "station": station, "show": line(name)}
            comparison = compare(sides, baseline="large", **limits)
            found.append(comparison)
            report["results"].append(described(kind, temperature, comparison))
            print(table(name, comparison), flush=True)
            write(options.out, report)  # each time: a stop costs one case
    print(options.out)
    return status(found)


def sides_of(large: Any, tuned: Any, base: Any) -> dict[str, Engine]:
    """Every side's engine, for one conversation."""
    composition = upscale(large, tuned, base)
    small = Composition(composition.terms, composition.weight_filter, composition.draft, rounded(tuned))
    return {
        "large": _engine(Composition.single(large), None),
        "plain": _engine(composition, None),
        "drafts": _engine(composition, Speculation()),
        "int8 drafts": _engine(small, Speculation()),
    }


def _engine(what: Composition, how: Speculation | None) -> Engine:
    return Engine(what, max_batch=1, max_context=CONTEXT, speculation=how)


def replies(engine: Engine, rounds: list[Prompts], temperature: float, options: argparse.Namespace) -> Side:
    """A side: replies to a round's prompts, one after the other."""

    def work(number: int) -> Answer:
        tokens, seconds, read = 0, 0.0, time.perf_counter()
        for place, prompt in enumerate(rounds[number % len(rounds)][: options.replies]):
            begun: list[float] = []
            sampling = Sampling(temperature=temperature)
            asked = Request(prompt, options.new_tokens, sampling=sampling, seed=1000 * number + place)
            (reply,) = engine.generate([asked], lambda *_, begun=begun: begun.append(time.perf_counter()))
            tokens, seconds = tokens + len(reply.tokens) - 1, seconds + time.perf_counter() - begun[0]
        facts = {"tokens": tokens, "seconds_in_all": time.perf_counter() - read}
        return Answer(rates={"decode": max(tokens, 1) / seconds}, facts=facts | drafted(engine))

    return work


def drafted(engine: Engine) -> dict[str, float]:
    """The share of drafts that was kept so far, and the mean block; nothing without drafts."""
    lengths = engine.speculator.lengths
    if lengths is None or not lengths.rounds:
        return {}
    return {"acceptance": lengths.acceptance, "block": lengths.drafted / lengths.rounds}


def described(kind: str, temperature: float, found: Comparison) -> dict[str, Any]:
    """A case in the result file."""
    rates = {side: found.rate(side, "decode") for side in found.sides}
    last = {side: piece.facts for side, piece in found.rounds[-1].pieces.items()}
    over = {base: _over(found.beside(base)) for base in ("large", "plain")}
    return {
        "kind": kind,
        "temperature": temperature,
        "tokens_per_second": {side: rate and rate.median for side, rate in rates.items()},
        "over": over,
        "acceptance": {side: each["acceptance"] for side, each in last.items() if "acceptance" in each},
        "block": {side: each["block"] for side, each in last.items() if "block" in each},
        "comparison": found.report(),
    }


def _over(found: Comparison) -> dict[str, Any]:
    """Of every other side; nothing where the run was disturbed."""
    ratios = {side: found.ratio(side, "decode") for side in found.others}
    return {side: ratio and ratio.model_dump() for side, ratio in ratios.items()}


def database(tokenizer: Any, episodes: int) -> list[Prompts]:
    """What stands before each turn of the agent, by episode."""
    environment = tt.environment("database", level="plain", dev=episodes)
    with tempfile.TemporaryDirectory() as folder:
        played = tt.rollout(
            environment, tt.Expert(), split="dev", dialect="agentbench", to=Path(folder) / "played.jsonl"
        )
        examples = list(played.examples())
    renderer = renderer_of(tokenizer)
    return [
        [
            renderer.prompt(each.messages[:place])
            for place, message in enumerate(each.messages)
            if message.role == "assistant" and place > 2  # before: the instruction and its echo
        ]
        for each in examples
    ]


def general(tokenizer: Any) -> list[Prompts]:
    """Ordinary requests, two a round."""
    renderer = renderer_of(tokenizer)
    asked = [renderer.prompt([Message(role="user", content=text)]) for text in own_prompts()]
    return [asked[place : place + 2] for place in range(0, len(asked), 2)]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--large", required=True)
    parser.add_argument("--small-tuned", required=True)
    parser.add_argument("--small-base", required=True)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument(
        "--episodes", type=int, default=60, help="of the database; the rounds go through them"
    )
    parser.add_argument("--replies", type=int, default=3, help="of an episode, at most")
    parser.add_argument("--new-tokens", type=int, default=64, help="of a reply, at most")
    parser.add_argument("--temperatures", nargs="+", type=float, default=[0.0, 1.0])
    parser.add_argument("--seconds", type=float, default=600, help="for each of the four cases")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/drafts-cpu.json"))
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
