"""Decoding speed beside `transformers.generate`: batches of 1, 8 and 32, and ten-turn episodes.

    python benchmarks/decode.py                    # the embedded model on the CPU, about five minutes
    python benchmarks/decode.py --quick            # to see that it works
    python benchmarks/decode.py --device cuda --model my/model

Both sides get the same prompts (random tokens with nothing in common, so nothing is shared between rows),
produce the same number of tokens with no early stop, and greedily. In the episodes every turn adds 32
observation tokens and 32 reply tokens to a 256-token start; `generate` reads the whole conversation anew
each turn, which is what it offers. Batches report decoding (from the last row's first token on), prefill
(until then) and both together; episodes count reply tokens over the whole time. The floor is the time to
read all weights once per step at the bandwidth measured in this run.
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
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import transformers

from trajectune.composition.composition import Composition
from trajectune.engine.engine import Engine
from trajectune.engine.requests import Request
from trajectune.models.loading import LoadedModel, load_model

PROMPT, TURN_TOKENS, TURNS, EPISODES = 256, 32, 10, 8


def main() -> None:
    options = _options()
    results: list[dict[str, Any]] = []
    bandwidth = read_bandwidth(options.device)
    for dtype in ("float32", "bfloat16"):
        loaded = load_model(options.model, dtype=dtype, device=options.device)
        floor = weight_bytes(loaded) / bandwidth
        for batch in (1, 8) if options.quick else (1, 8, 32):
            repeats = 1 if batch == 32 else options.repeats
            result = compare_batches(loaded, batch, 16 if options.quick else 32, repeats)
            results.append(result | {"dtype": dtype, "floor_tokens_per_second": batch / floor})
            print(_line(results[-1]), file=sys.stderr)
        result = compare_episodes(loaded, 2 if options.quick else TURNS)
        results.append(result | {"dtype": dtype})
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


@dataclass(frozen=True)
class Times:
    """Seconds until every row has its first token, and from then on."""

    prefill: float
    decode: float


class Ours:
    """The engine, with a cold cache at the start of each case."""

    def __init__(self, loaded: LoadedModel, rows: int) -> None:
        context = PROMPT + 2 * TURN_TOKENS * (TURNS + 1)
        self.engine = Engine(Composition.single(loaded), max_batch=rows, max_context=context)
        self.vocabulary = loaded.model.config.vocab_size
        self.seeds = iter(range(1_000_000))

    def batch(self, rows: int, new: int) -> Times:
        asked = random_prompts(rows, self.vocabulary, next(self.seeds))
        times = [time.perf_counter()]
        requests = [Request(tokens, new, stop_tokens=()) for tokens in asked]
        self.engine.generate(requests, lambda _row, _token: times.append(time.perf_counter()))
        return Times(times[rows] - times[0], times[-1] - times[rows])

    def episodes(self, turns: int) -> None:
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


class Theirs:
    """`transformers.generate` with its default cache."""

    def __init__(self, loaded: LoadedModel) -> None:
        self.model: Any = loaded.model
        self.vocabulary = loaded.model.config.vocab_size
        self.seeds = iter(range(1_000_000))

    def _generate(self, prompts: list[list[int]], new: int, times: list[float]) -> list[list[int]]:
        def tick(ids: torch.Tensor, *_: Any, **__: Any) -> torch.Tensor:
            times.append(time.perf_counter())
            return torch.zeros(len(ids), dtype=torch.bool, device=ids.device)

        ids = torch.tensor(prompts, device=self.model.device)
        output = self.model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=new,
            min_new_tokens=new,
            do_sample=False,
            pad_token_id=0,
            stopping_criteria=[tick],
        )
        return output[:, ids.shape[1] :].tolist()

    def batch(self, rows: int, new: int) -> Times:
        asked = random_prompts(rows, self.vocabulary, next(self.seeds))
        times = [time.perf_counter()]
        self._generate(asked, new, times)
        return Times(times[1] - times[0], times[-1] - times[1])

    def episodes(self, turns: int) -> None:
        seed = next(self.seeds)
        talks = random_prompts(EPISODES, self.vocabulary, seed)
        for turn in range(turns):
            replies = self._generate(talks, TURN_TOKENS, [])
            extra = random_prompts(EPISODES, self.vocabulary, (seed, turn), TURN_TOKENS)
            talks = [talk + reply + more for talk, reply, more in zip(talks, replies, extra, strict=True)]


def compare_batches(loaded: LoadedModel, rows: int, new: int, repeats: int) -> dict[str, Any]:
    """Tokens per second of both sides, which take turns so that both meet the same weather."""
    sides = both(loaded, rows)
    times: dict[str, list[Times]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            times[name].append(side.batch(rows, new))
    result: dict[str, Any] = {"case": f"batch {rows}", "new_tokens": new, "times": {}}
    for part, tokens in (
        ("decode", rows * (new - 1)),
        ("prefill", rows * PROMPT),
        ("together", rows * new),
    ):
        speeds = {
            name: tokens / statistics.median(_seconds(t, part) for t in times[name]) for name in sides
        }
        result[part] = speeds | {"ratio": speeds["trajectune"] / speeds["transformers"]}
    result["times"] = {name: [asdict(t) for t in values] for name, values in times.items()}
    return result


def _seconds(times: Times, part: str) -> float:
    return {"decode": times.decode, "prefill": times.prefill}.get(part, times.decode + times.prefill)


def compare_episodes(loaded: LoadedModel, turns: int, repeats: int = 1) -> dict[str, Any]:
    """Reply tokens per second over whole episodes, the sides in turn; the first of several warms up."""
    sides = both(loaded, EPISODES)
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, side in sides.items():
            start = time.perf_counter()
            side.episodes(turns)
            seconds[name].append(time.perf_counter() - start)
    tokens = turns * EPISODES * TURN_TOKENS
    speeds = {name: tokens / statistics.median(taken[1:] or taken) for name, taken in seconds.items()}
    speeds["ratio"] = speeds["trajectune"] / speeds["transformers"]
    return {"case": f"{turns}-turn episodes, batch {EPISODES}", "together": speeds}


def both(loaded: LoadedModel, rows: int) -> dict[str, Ours | Theirs]:
    """The two sides, warmed up: on a GPU with all rows, since it chooses its kernels by their number."""
    sides: dict[str, Ours | Theirs] = {"transformers": Theirs(loaded), "trajectune": Ours(loaded, rows)}
    for side in sides.values():
        side.batch(rows if loaded.device.type == "cuda" else 1, 2)
    return sides


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
    parts = [
        f"{part} {result[part]['transformers']:.0f} → {result[part]['trajectune']:.0f} tok/s"
        f" (×{result[part]['ratio']:.2f})"
        for part in ("decode", "prefill", "together")
        if part in result
    ]
    return f"{result['dtype']:>8} {result['case']}: " + ", ".join(parts)


if __name__ == "__main__":
    main()
