"""Decoding speed beside `transformers.generate`: batches of 1, 8 and 32, and ten-turn episodes.

    python benchmarks/decode.py                    # the embedded model on the CPU, about five minutes
    python benchmarks/decode.py --quick            # to see that it works
    python benchmarks/decode.py --device cuda --model my/model

Both sides get the same prompts (random tokens with nothing in common, so nothing is shared between rows),
produce the same number of tokens with no early stop, and greedily. In the episodes every turn adds 32
observation tokens and 32 reply tokens to a 256-token start; `generate` reads the whole conversation anew
each turn, which is what it offers. Tokens per second count new tokens over the whole time, prefill
included. The floor is the time to read all weights once per step at the bandwidth measured in this run.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import transformers

from agenttune.decode.composition import Composition
from agenttune.decode.engine import Engine
from agenttune.decode.loading import LoadedModel, load_model
from agenttune.decode.requests import Request

PROMPT, TURN_TOKENS, TURNS, EPISODES = 256, 32, 10, 8


def main() -> None:
    options = _options()
    results: list[dict[str, Any]] = []
    bandwidth = read_bandwidth(options.device)
    for dtype in ("float32", "bfloat16"):
        loaded = load_model(options.model, dtype=dtype, device=options.device)
        floor = weight_bytes(loaded) / bandwidth
        for batch in (1, 8) if options.quick else (1, 8, 32):
            new = 8 if options.quick else 32
            pair = compare(lambda side, b=batch, n=new: side.batch(b, n), loaded, batch, options.repeats)
            pair |= {"floor_tokens_per_second": batch / floor, "new_tokens": new}
            results.append({"case": f"batch {batch}", "dtype": dtype} | pair)
            print(_line(results[-1]), file=sys.stderr)
        turns = 2 if options.quick else TURNS
        pair = compare(lambda side, t=turns: side.episodes(t), loaded, EPISODES, 1)
        results.append({"case": f"{turns}-turn episodes, batch {EPISODES}", "dtype": dtype} | pair)
        print(_line(results[-1]), file=sys.stderr)
    report = environment(options) | {"read_gigabytes_per_second": bandwidth / 1e9, "results": results}
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    print(options.out)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    name = f"decode-{options.device.split(':')[0]}{'-quick' if options.quick else ''}.json"
    options.out = options.out or Path(__file__).parent / "results" / name
    return options


class Ours:
    """The engine, with a cold cache at the start of each case."""

    def __init__(self, loaded: LoadedModel, rows: int) -> None:
        context = PROMPT + 2 * TURN_TOKENS * (TURNS + 1)
        self.engine = Engine(Composition.single(loaded), max_batch=rows, max_context=context)
        self.vocabulary = loaded.model.config.vocab_size
        self.seeds = iter(range(1_000_000))

    def batch(self, rows: int, new: int) -> int:
        asked = random_prompts(rows, self.vocabulary, next(self.seeds))
        self.engine.generate([Request(tokens, new, stop_tokens=()) for tokens in asked])
        return rows * new

    def episodes(self, turns: int) -> int:
        seed = next(self.seeds)
        talks = random_prompts(EPISODES, self.vocabulary, seed)
        for turn in range(turns):
            asked = [
                Request(talk, TURN_TOKENS, session=f"{seed}-{i}", stop_tokens=())
                for i, talk in enumerate(talks)
            ]
            replies = self.engine.generate(asked)
            extra = random_prompts(EPISODES, self.vocabulary, (seed, turn), TURN_TOKENS)
            talks = [
                talk + reply.tokens + more for talk, reply, more in zip(talks, replies, extra, strict=True)
            ]
        for index in range(EPISODES):
            self.engine.release(f"{seed}-{index}")
        return turns * EPISODES * TURN_TOKENS


class Theirs:
    """`transformers.generate` with its default cache."""

    def __init__(self, loaded: LoadedModel, rows: int) -> None:
        del rows
        self.model: Any = loaded.model
        self.vocabulary = loaded.model.config.vocab_size
        self.seeds = iter(range(1_000_000))

    def _generate(self, prompts: list[list[int]], new: int) -> list[list[int]]:
        ids = torch.tensor(prompts, device=self.model.device)
        output = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new,
            min_new_tokens=new,
            do_sample=False,
            pad_token_id=0,
        )
        return output[:, ids.shape[1] :].tolist()

    def batch(self, rows: int, new: int) -> int:
        self._generate(random_prompts(rows, self.vocabulary, next(self.seeds)), new)
        return rows * new

    def episodes(self, turns: int) -> int:
        seed = next(self.seeds)
        talks = random_prompts(EPISODES, self.vocabulary, seed)
        for turn in range(turns):
            replies = self._generate(talks, TURN_TOKENS)
            extra = random_prompts(EPISODES, self.vocabulary, (seed, turn), TURN_TOKENS)
            talks = [talk + reply + more for talk, reply, more in zip(talks, replies, extra, strict=True)]
        return turns * EPISODES * TURN_TOKENS


def compare(
    case: Callable[[Ours | Theirs], int], loaded: LoadedModel, rows: int, repeats: int
) -> dict[str, Any]:
    """New tokens per second of both sides, which take turns so that both meet the same weather."""
    sides: dict[str, Ours | Theirs] = {
        "transformers": Theirs(loaded, rows),
        "agenttune": Ours(loaded, rows),
    }
    for side in sides.values():
        side.batch(1, 2)
    speeds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            start = time.perf_counter()
            tokens = case(side)
            speeds[name].append(tokens / (time.perf_counter() - start))
    medians = {f"{name}_tokens_per_second": statistics.median(values) for name, values in speeds.items()}
    ratio = medians["agenttune_tokens_per_second"] / medians["transformers_tokens_per_second"]
    return medians | {"ratio": ratio, "repeats": speeds}


def random_prompts(rows: int, vocabulary: int, seed: object, length: int = PROMPT) -> list[list[int]]:
    """Random token ids; no two rows begin alike."""
    draw = random.Random(str(seed))
    return [[draw.randrange(100, vocabulary) for _ in range(length)] for _ in range(rows)]


def weight_bytes(loaded: LoadedModel) -> int:
    """Bytes read by one step: every weight once (a tied embedding serves as the head)."""
    return sum(p.numel() * p.element_size() for p in loaded.model.parameters())


def read_bandwidth(device: str) -> float:
    """Bytes per second when summing 1 GB, the best of five."""
    block = torch.ones(1 << 28, device=device)
    best = 0.0
    for _ in range(5):
        start = time.perf_counter()
        float(block.sum())  # waits for the device
        best = max(best, block.nbytes / (time.perf_counter() - start))
    return best


def environment(options: argparse.Namespace) -> dict[str, Any]:
    """What a reader needs to repeat the run."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], capture_output=True, text=True, cwd=Path(__file__).parent, check=False
    )
    cuda = options.device.startswith("cuda")
    return {
        "command": " ".join(["python", "benchmarks/decode.py", *sys.argv[1:]]),
        "commit": commit.stdout.strip() or "unknown",
        "date": time.strftime("%Y-%m-%d"),
        "model": options.model,
        "device": torch.cuda.get_device_name() if cuda else cpu_name(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "transformers": transformers.__version__,
        "prompt_tokens": PROMPT,
    }


def cpu_name() -> str:
    """The processor's name as the kernel tells it."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _line(result: dict[str, Any]) -> str:
    ours, theirs = result["agenttune_tokens_per_second"], result["transformers_tokens_per_second"]
    what = f"{result['dtype']:>9} {result['case']:<26}"
    return f"{what} generate {theirs:7.1f} tok/s   agenttune {ours:7.1f} tok/s   ×{result['ratio']:.2f}"


if __name__ == "__main__":
    main()
