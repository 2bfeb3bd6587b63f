"""The engine: many replies at once from a composition of models, each conversation's cache kept.

The idea: requests wait until a slot is free, are prefilled together (packed, without padding, in bounded
pieces), and then advance together with everybody else who is running, one token per step or one block per
speculative round; whoever is finished leaves at once. Of a prompt only the part is computed that its slot
does not already hold; a beginning that another slot holds is copied from there, so an instruction common
to many conversations is computed once.

Invariants: in fp32, greedy replies are those of `transformers.generate`, alone or in any batch; a row's
random numbers are its own; what is kept and what is drafted never changes a reply's distribution, only its
cost.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import Any

import torch

from trajectune.composition.composition import Composition
from trajectune.composition.drafting import Speculation
from trajectune.engine.distribution import Distribution
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.llama import Prepared
from trajectune.engine.requests import Generation, Request
from trajectune.engine.row import Row
from trajectune.engine.slots import SlotTable
from trajectune.engine.speculation.speculation import Speculator
from trajectune.engine.stream import Stream
from trajectune.errors import AgentError
from trajectune.models.loading import LoadedModel
from trajectune.models.prefix import common_prefix

OnToken = Callable[[Any, int], None]
"""Called with the request's key (its place in the list) and each new token, as soon as it is chosen."""

_WORTH_COPYING = 16  # tokens; below, computing them costs no more than looking after them


class Engine:
    """Generates from a composition.

    `max_batch` rows run at once; `slots` conversations are kept (at least `max_batch`), each with at most
    `max_context` tokens of prompt and reply; `prefill_tokens` bounds the tokens, and so the memory, of one
    prefill pass; `speculation` says who drafts blocks of tokens, None decodes one token per step. Weights
    are read when the engine is made: make a new one after changing them. Not for use from several threads
    at the same time. Raises ModelError for a model that the engine cannot decode.

    `generate` answers a list. Who gets requests one by one calls `submit` and, while `busy`, `step`.
    """

    def __init__(
        self,
        composition: Composition,
        *,
        max_batch: int = 8,
        max_context: int = 2048,
        slots: int = 0,
        prefill_tokens: int = 1024,
        speculation: Speculation | None = None,
    ) -> None:
        self.composition = composition
        self.max_batch = max_batch
        self.max_context = min(max_context, composition.max_context)
        self._slots = SlotTable(max(slots, max_batch))
        drafts = speculation is not None and speculation.proposer == "model"
        drafter = composition.drafter if drafts else None
        self._streams, places = _make_streams(
            composition, drafter, max(slots, max_batch), self.max_context, prefill_tokens
        )
        self._readers_of_streams = [places.index(stream) for stream in range(len(self._streams))]
        of_term = places[: len(composition.terms)]
        distribution = Distribution(composition, self._streams, of_term, places[-1] if drafter else None)
        self.speculator = Speculator(distribution, speculation)
        self._waiting: list[tuple[Hashable, Request]] = []
        self._active: list[Row] = []

    def release(self, session: str) -> None:
        """Frees what is kept for a conversation. Unknown names are ignored."""
        self._slots.release(session)

    @property
    def busy(self) -> bool:
        """Whether any submitted request is unfinished."""
        return bool(self._waiting or self._active)

    @property
    def running(self) -> int:
        """Requests that are being generated now; the other unfinished ones wait for a slot."""
        return len(self._active)

    def generate(self, requests: Sequence[Request], on_token: OnToken | None = None) -> list[Generation]:
        """A reply to each request, in order; any number of them.

        A prompt that does not fit into `max_context` gives an empty reply with finish `context`. Requests
        of the same session run one after the other. Raises AgentError when memory runs out.
        """
        done: dict[Hashable, Generation] = {}
        for index, request in enumerate(requests):
            self.submit(index, request)
        try:
            while self.busy:
                done.update(self.step(on_token))
        finally:
            self.stop()
        return [done[index] for index in range(len(requests))]

    def submit(self, key: Hashable, request: Request) -> None:
        """Queues a request; `step` gives its reply under `key`, which must be new."""
        self._waiting.append((key, request))

    def cancel(self, key: Hashable) -> None:
        """Drops a request that nobody waits for any more. Unknown keys are ignored."""
        self._waiting = [(other, request) for other, request in self._waiting if other != key]
        for row in self._active:
            if row.key == key:
                self._slots.give_back(row.slot)
        self._active = [row for row in self._active if row.key != key]

    def stop(self) -> None:
        """Drops all requests."""
        self._waiting, self._active = [], []
        self._slots.stop()

    @torch.inference_mode()
    def step(self, on_token: OnToken | None = None) -> dict[Hashable, Generation]:
        """Admits whom there is room for, advances everybody once, and gives the replies that are finished.

        Raises AgentError when memory runs out; `stop` then frees what was running.
        """
        done: dict[Hashable, Generation] = {}
        try:
            while wave := self._admit(self.max_batch - len(self._active)):
                self._advance(wave, on_token, block=1)
                self._active = self._retire(self._active + wave, done)
            if self._active:
                self._advance(self._active, on_token)
                self._active = self._retire(self._active, done)
        except torch.OutOfMemoryError as error:
            raise AgentError(
                "the decoder ran out of memory",
                where=self.composition.name,
                remedy="lower the batch size or the context length, or use bfloat16",
            ) from error
        return done

    def _admit(self, room: int) -> list[Row]:
        """Takes waiting requests that can be prefilled together.

        A request that shares a long beginning with one of them is left for the next wave, when it can copy.
        """
        wave: list[Row] = []
        held = self._streams[0].cache.held
        for key, request in list(self._waiting):
            if len(wave) == room:
                break
            if self._slots.running(request.session):
                continue
            best = max((common_prefix(tokens, request.tokens) for tokens in held), default=0)
            if any(
                common_prefix(row.request.tokens, request.tokens) >= best + _WORTH_COPYING for row in wave
            ):
                continue
            slot = self._slots.take(request.session, request.tokens, held)
            if slot is None:
                break
            self._waiting.remove((key, request))
            wave.append(self._open(key, request, slot))
        return wave

    def _open(self, key: Hashable, request: Request, slot: int) -> Row:
        """Lets the slot hold as much of the prompts as is cached anywhere."""
        row = self._row(key, request, slot)
        if row.length > self.max_context or not all(row.prompts):
            row.finish = "context"
            return row
        for stream, prompt in zip(self._streams, row.prompts, strict=True):
            cache, last = stream.cache, len(prompt) - 1  # the last token is computed, for its logits
            shared = [min(common_prefix(tokens, prompt), last) for tokens in cache.held]
            source = max(range(len(shared)), key=lambda slot: shared[slot])
            if shared[source] >= shared[slot] + _WORTH_COPYING:
                cache.copy(source, slot, shared[source])
            else:
                cache.keep(slot, shared[slot])
            stream.settle(row)
        row.cached = len(self._streams[0].cache.held[slot])
        return row

    def _row(self, key: Hashable, request: Request, slot: int) -> Row:
        terms = self.composition.terms
        prompts = (*(request.prompts or (request.tokens,) * len(terms)), request.tokens)
        return Row(
            key,
            request,
            slot,
            frozenset(self.composition.end_tokens if request.stop_tokens is None else request.stop_tokens),
            self.max_context,
            tuple(prompts[reader] for reader in self._readers_of_streams),
            request.weights or tuple(term.weight for term in terms),
        )

    def _advance(self, rows: list[Row], on_token: OnToken | None, block: int | None = None) -> None:
        """One step or round for everybody; tokens behind the end of a reply are dropped."""
        running = [row for row in rows if row.finish is None]
        if not running:
            return
        for row, tokens in zip(running, self.speculator.advance(running, block), strict=True):
            for token in tokens:
                row.accept(token, self.composition.tokenizer)
                if on_token:
                    on_token(row.key, token)
                if row.finish is not None:
                    break
            for stream in self._streams:
                stream.rewind(row)

    def _retire(self, rows: list[Row], done: dict[Hashable, Generation]) -> list[Row]:
        """Moves finished rows to `done`; the others, in the order of their slots."""
        for row in rows:
            if row.finish is not None:
                done[row.key] = row.generation(self.composition.tokenizer)
                self._slots.give_back(row.slot)
        return sorted((row for row in rows if row.finish is None), key=lambda row: row.slot)


def _make_streams(
    composition: Composition, drafter: LoadedModel | None, slots: int, capacity: int, prefill_tokens: int
) -> tuple[list[Stream], list[int]]:
    """The streams, and the places of the terms and then the drafter: equal model and prompt share one."""
    readers = [
        (term.model, term.system, ids)
        for term, ids in zip(composition.terms, composition.alignments, strict=True)
    ]
    if drafter is not None:
        readers.append((drafter, None, None))
    keys: list[tuple[int, str | None]] = []
    streams: list[Stream] = []
    places: list[int] = []
    prepared: Prepared = {}
    for model, system, ids in readers:
        key = (id(model), system)
        if key not in keys:
            keys.append(key)
            cache = KVCache(model, slots, capacity)
            streams.append(Stream(len(streams), model, cache, prefill_tokens, ids, prepared))
        places.append(keys.index(key))
    return streams, places
