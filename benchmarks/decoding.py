"""The sides of `decode.py`: decoders that are given the same prompts, and rivals in processes of their own.

A decoder answers a batch of prompts, or one turn of conversations that go on; `side` makes rounds of that.
One more side is one more entry of `DECODERS`, or a child that answers the requests of `rivals/rival.py`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from harness.compare import Side
from harness.process import Child
from rivals.rival import Rows, random_prompts
from trajectune.composition.composition import Composition
from trajectune.engine.engine import Engine
from trajectune.engine.network.native.library import SWITCH, native_library
from trajectune.engine.requests import Request
from trajectune.models.loading import LoadedModel

PROMPT, TURN_TOKENS, TURNS, EPISODES = 256, 32, 10, 8


@dataclass(frozen=True)
class Case:
    """What every side decodes in a round: `new` tokens after each of `rows` prompts, or whole episodes."""

    loaded: LoadedModel
    rows: int
    new: int = TURN_TOKENS
    turns: int = 0
    """Of an episode, each with `new` observation tokens and `new` reply tokens; 0 is a batch."""
    rounded: LoadedModel | None = None
    """The same model in int8, where that is decoded too."""

    @property
    def name(self) -> str:
        return f"{self.turns}-turn episodes, batch {self.rows}" if self.turns else f"batch {self.rows}"

    @property
    def vocabulary(self) -> int:
        return self.loaded.model.config.vocab_size


@dataclass(frozen=True)
class Times:
    """Seconds until every row has its first token, and from then on."""

    prefill: float
    decode: float


class Decoder(Protocol):
    """Greedy, with exactly as many tokens as asked for."""

    def batch(self, prompts: Rows, new: int) -> Times:
        """Answer prompts that have nothing in common."""
        ...

    def turn(self, talks: Rows, new: int, episode: str) -> Rows:
        """Go on with conversations whose earlier turns it has answered."""
        ...

    def end(self, episode: str) -> None:
        """Forget the conversations."""
        ...


class Ours:
    """The engine."""

    def __init__(self, case: Case, loaded: LoadedModel | None = None) -> None:
        context = PROMPT + case.new * 2 * (case.turns + 1)
        composition = Composition.single(loaded or case.loaded)
        self.engine = Engine(composition, max_batch=case.rows, max_context=context)
        self.rows = case.rows

    def batch(self, prompts: Rows, new: int) -> Times:
        times = [time.perf_counter()]
        requests = [Request(tokens, new, stop_tokens=()) for tokens in prompts]
        self.engine.generate(requests, lambda _row, _token: times.append(time.perf_counter()))
        return Times(times[len(prompts)] - times[0], times[-1] - times[len(prompts)])

    def turn(self, talks: Rows, new: int, episode: str) -> Rows:
        asked = [
            Request(talk, new, session=f"{episode}-{row}", stop_tokens=()) for row, talk in enumerate(talks)
        ]
        return [reply.tokens for reply in self.engine.generate(asked)]

    def end(self, episode: str) -> None:
        for row in range(self.rows):
            self.engine.release(f"{episode}-{row}")


class Theirs:
    """`transformers.generate` with its default cache: a conversation is read anew each turn."""

    def __init__(self, case: Case) -> None:
        self.model: Any = case.loaded.model

    def batch(self, prompts: Rows, new: int) -> Times:
        times = [time.perf_counter()]
        self._generate(prompts, new, times)
        return Times(times[1] - times[0], times[-1] - times[1])

    def turn(self, talks: Rows, new: int, episode: str) -> Rows:
        del episode
        return self._generate(talks, new, [])

    def end(self, episode: str) -> None:
        """It keeps nothing."""

    def _generate(self, prompts: Rows, new: int, times: list[float]) -> Rows:
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


def without_native(case: Case) -> Decoder:
    """The engine on PyTorch's path."""
    before = os.environ.get(SWITCH)
    os.environ[SWITCH] = "off"
    native_library.cache_clear()
    try:
        return Ours(case)
    finally:
        os.environ.pop(SWITCH)
        if before is not None:
            os.environ[SWITCH] = before
        native_library.cache_clear()


DECODERS: dict[str, Callable[[Case], Decoder]] = {
    "transformers": Theirs,
    "trajectune": Ours,
    "trajectune, PyTorch": without_native,
    "trajectune, int8": lambda case: Ours(case, case.rounded),
}
"""The sides that run in this process, by name; the first is the baseline."""


def decoders(case: Case) -> dict[str, Decoder]:
    """Those that there are for a case."""
    names = list(DECODERS) if case.rounded is not None else list(DECODERS)[:2]
    return {name: DECODERS[name](case) for name in names}


def side(decoder: Decoder, case: Case) -> Side:
    """A round's batch or episodes by this decoder, in tokens per second."""

    def batch(number: int) -> dict[str, float]:
        times = decoder.batch(random_prompts(case.rows, case.vocabulary, number, PROMPT), case.new)
        return {
            "decode": case.rows * (case.new - 1) / times.decode,
            "prefill": case.rows * PROMPT / times.prefill,
            "together": case.rows * case.new / (times.decode + times.prefill),
        }

    def episodes(number: int) -> dict[str, float]:
        start = time.perf_counter()
        talks = random_prompts(case.rows, case.vocabulary, number, PROMPT)
        for turn in range(case.turns):
            replies = decoder.turn(talks, case.new, str(number))
            extra = random_prompts(case.rows, case.vocabulary, (number, turn), case.new)
            talks = [talk + reply + more for talk, reply, more in zip(talks, replies, extra, strict=True)]
        taken = time.perf_counter() - start
        decoder.end(str(number))
        return {"together": case.turns * case.rows * case.new / taken}

    return episodes if case.turns else batch


def rival(child: Child, case: Case) -> Side:
    """The same round asked of a child (`rivals/rival.py`)."""
    request = {"rows": case.rows, "new": case.new, "prompt": PROMPT, "vocabulary": case.vocabulary}
    if case.turns:
        return child.side("episodes", turns=case.turns, **request)
    return child.side("batch", **request)


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
