"""What every decoding rival is asked, and how its replies become rates.

A rival runs under an interpreter of its own, where neither torch nor this project is installed; so this
needs the standard library alone. Batches and episodes are those of `decode.py`: random prompts that the
round's number settles, greedy replies of exactly `new` tokens, no early stop. One JSON line each:

    {"run": "batch", "round": 3, "rows": 8, "new": 32, "prompt": 256, "vocabulary": 49152}
    {"run": "episodes", "round": 3, "rows": 8, "new": 32, "prompt": 256, "vocabulary": 49152, "turns": 10}

In episodes every turn adds `new` observation tokens and `new` reply tokens.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from typing import Any, Protocol

from harness.child import serve

Rows = list[list[int]]


@dataclass(frozen=True)
class Replies:
    """What was said, and when the last row had its first token."""

    tokens: Rows
    ready: float
    """By `time.perf_counter`."""
    later: int
    """Tokens of all rows that came after that time."""


class Rival(Protocol):
    """A decoder that keeps what it read."""

    def facts(self) -> dict[str, Any]:
        """What a reader needs to repeat this: version, precision, settings."""
        ...

    def prepare(self, rows: int, context: int, *, reuse: bool) -> None:
        """Make room for new conversations and forget the old; with `reuse` they will be continued."""
        ...

    def generate(self, prompts: Rows, new: int) -> Replies:
        """`new` greedy tokens after each prompt."""
        ...


def answer(rival: Rival) -> None:
    """Answer the requests of the benchmark until its input ends."""

    def batch(request: dict[str, Any]) -> dict[str, Any]:
        return {"rates": batch_rates(rival, request), "facts": rival.facts()}

    def episodes(request: dict[str, Any]) -> dict[str, Any]:
        return {"rates": episode_rates(rival, request), "facts": rival.facts()}

    serve({"batch": batch, "episodes": episodes})


def batch_rates(rival: Rival, request: dict[str, Any]) -> dict[str, float]:
    """Tokens per second until the last row's first token, from then on, and over both."""
    rows, new, length = request["rows"], request["new"], request["prompt"]
    rival.prepare(rows, length + new, reuse=False)
    asked = random_prompts(rows, request["vocabulary"], request["round"], length)
    start = time.perf_counter()
    replies = rival.generate(asked, new)
    end = time.perf_counter()
    _check(replies.tokens, new)
    return {
        "prefill": rows * length / (replies.ready - start),
        "decode": replies.later / (end - replies.ready),
        "together": rows * new / (end - start),
    }


def episode_rates(rival: Rival, request: dict[str, Any]) -> dict[str, float]:
    """Reply tokens per second over whole episodes."""
    rows, new, length, turns = request["rows"], request["new"], request["prompt"], request["turns"]
    vocabulary, seed = request["vocabulary"], request["round"]
    rival.prepare(rows, length + 2 * new * turns, reuse=True)
    talks = random_prompts(rows, vocabulary, seed, length)
    start = time.perf_counter()
    for turn in range(turns):
        replies = rival.generate(talks, new).tokens
        _check(replies, new)
        extra = random_prompts(rows, vocabulary, (seed, turn), new)
        talks = [talk + reply + more for talk, reply, more in zip(talks, replies, extra, strict=True)]
    return {"together": turns * rows * new / (time.perf_counter() - start)}


def random_prompts(rows: int, vocabulary: int, seed: object, length: int) -> Rows:
    """Random token ids, the same for every side; no two rows begin alike."""
    draw = random.Random(str(seed))
    return [[draw.randrange(100, vocabulary) for _ in range(length)] for _ in range(rows)]


def _check(replies: Rows, new: int) -> None:
    if any(len(reply) != new for reply in replies):
        raise ValueError(f"replies of {[len(reply) for reply in replies]} tokens, not of {new}")
