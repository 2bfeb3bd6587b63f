"""The engine: many replies at once from a composition of models, each conversation's cache kept.

The idea: requests wait until a slot is free, are prefilled together (packed, without padding, in bounded
pieces), and then advance one token per step with everybody else who is running; whoever is finished leaves
at once. Of a prompt only the part is computed that its slot does not already hold; a beginning that another
slot holds is copied from there, so an instruction common to many conversations is computed once.

Invariants: in fp32, greedy replies are those of `transformers.generate`, alone or in any batch; a row's
random numbers are its own; what is kept never changes a reply, only its cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import torch

from agenttune.decode.cache import KVCache, common_prefix
from agenttune.decode.composition import Composition
from agenttune.decode.network import Network, make_network
from agenttune.decode.plan import Segment, make_plan
from agenttune.decode.requests import Generation, Request
from agenttune.decode.row import Row
from agenttune.decode.sampling import choose
from agenttune.decode.slots import SlotTable
from agenttune.errors import AgentError

OnToken = Callable[[int, int], None]
"""Called with the request's place in the list and each new token, as soon as it is chosen."""

_WORTH_COPYING = 16  # tokens; below, computing them costs no more than looking after them


class Engine:
    """Generates from a composition.

    `max_batch` rows run at once; `slots` conversations are kept (at least `max_batch`), each with at most
    `max_context` tokens of prompt and reply; `prefill_tokens` bounds the tokens, and so the memory, of one
    prefill pass. Weights are read when the engine is made: make a new one after changing them. Not for
    use from several threads at the same time.
    """

    def __init__(
        self,
        composition: Composition,
        *,
        max_batch: int = 8,
        max_context: int = 2048,
        slots: int = 0,
        prefill_tokens: int = 1024,
    ) -> None:
        self.composition = composition
        self.max_batch = max_batch
        self.max_context = min(max_context, composition.max_context)
        self._prefill_tokens = prefill_tokens
        self._slots = SlotTable(max(slots, max_batch))
        models = [term.model for term in composition.terms]
        self._networks = [make_network(model) for model in models]
        self._caches = [KVCache(model, max(slots, max_batch), self.max_context) for model in models]

    def release(self, session: str) -> None:
        """Frees what is kept for a conversation. Unknown names are ignored."""
        self._slots.release(session)

    @torch.inference_mode()
    def generate(self, requests: Sequence[Request], on_token: OnToken | None = None) -> list[Generation]:
        """A reply to each request, in order; any number of them.

        A prompt that does not fit into `max_context` gives an empty reply with finish `context`. Requests
        of the same session run one after the other. Raises AgentError when memory runs out.
        """
        done: dict[int, Generation] = {}
        waiting = list(enumerate(requests))
        active: list[Row] = []
        try:
            while waiting or active:
                while wave := self._admit(waiting, self.max_batch - len(active)):
                    self._advance(wave, self._prefill(wave), on_token)
                    active = self._retire(active + wave, done)
                if active:
                    self._advance(active, self._step(active), on_token)
                    active = self._retire(active, done)
        except torch.OutOfMemoryError as error:
            raise AgentError(
                "the decoder ran out of memory",
                where=self.composition.lead.name,
                remedy="lower the batch size or the context length, or use bfloat16",
            ) from error
        finally:
            self._slots.stop()
        return [done[index] for index in range(len(requests))]

    def _admit(self, waiting: list[tuple[int, Request]], room: int) -> list[Row]:
        """Takes requests off `waiting` that can be prefilled together.

        A request that shares a long beginning with one of them is left for the next wave, when it can copy.
        """
        wave: list[Row] = []
        held = self._caches[0].held
        for index, request in list(waiting):
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
            waiting.remove((index, request))
            wave.append(self._open(index, request, slot))
        return wave

    def _open(self, index: int, request: Request, slot: int) -> Row:
        """Lets the slot hold as much of the prompt as is cached anywhere."""
        stops = self.composition.lead.end_tokens if request.stop_tokens is None else request.stop_tokens
        row = Row(index, request, slot, frozenset(stops), self.max_context)
        if len(request.tokens) > self.max_context or not request.tokens:
            row.finish = "context"
            return row
        last = len(request.tokens) - 1  # the last token is computed in any case, for its logits
        for cache in self._caches:
            shared = [min(common_prefix(tokens, request.tokens), last) for tokens in cache.held]
            source = max(range(len(shared)), key=lambda slot: shared[slot])
            if shared[source] >= shared[slot] + _WORTH_COPYING:
                cache.copy(source, slot, shared[source])
            else:
                cache.keep(slot, shared[slot])
        row.cached = len(self._caches[0].held[slot])
        return row

    def _advance(self, rows: list[Row], scores: torch.Tensor, on_token: OnToken | None) -> None:
        running = [row for row in rows if row.finish is None]
        tokens = choose(
            scores, [row.request.sampling for row in running], [row.generator for row in running]
        )
        for row, token in zip(running, tokens, strict=True):
            row.accept(token, self.composition.tokenizer)
            if on_token:
                on_token(row.index, token)

    def _retire(self, rows: list[Row], done: dict[int, Generation]) -> list[Row]:
        """Moves finished rows to `done`; the others, in the order of their slots."""
        for row in rows:
            if row.finish is not None:
                done[row.index] = row.generation(self.composition.tokenizer)
                self._slots.give_back(row.slot)
        return sorted((row for row in rows if row.finish is None), key=lambda row: row.slot)

    def _step(self, rows: list[Row]) -> torch.Tensor:
        """Composed scores `[rows, vocabulary]` after each row's newest token."""
        parts = []
        for network, cache in zip(self._networks, self._caches, strict=True):
            pieces = [(row, row.tokens[-1:]) for row in rows]
            parts.append(_forward(network, cache, pieces, list(range(len(rows)))))
        return self.composition.combine(parts)

    def _prefill(self, rows: list[Row]) -> torch.Tensor:
        """Composed scores `[rows, vocabulary]` after each row's prompt."""
        rows = [row for row in rows if row.finish is None]
        if not rows:
            return torch.zeros(0, 1)
        parts = []
        for network, cache in zip(self._networks, self._caches, strict=True):
            logits = [
                _forward(network, cache, pieces, _ends(cache, pieces))
                for pieces in self._prefill_passes(cache, rows)
            ]
            parts.append(torch.cat(logits))
        return self.composition.combine(parts)

    def _prefill_passes(self, cache: KVCache, rows: list[Row]) -> Iterator[list[tuple[Row, list[int]]]]:
        """The tokens that are not cached, in passes of at most `prefill_tokens`; rows stay in order."""
        pieces: list[tuple[Row, list[int]]] = []
        room = self._prefill_tokens
        for row in rows:
            todo = row.request.tokens[len(cache.held[row.slot]) :]
            while todo:
                pieces.append((row, todo[:room]))
                todo, room = todo[room:], room - len(pieces[-1][1])
                if room == 0:
                    yield pieces
                    pieces, room = [], self._prefill_tokens
        if pieces:
            yield pieces


def _ends(cache: KVCache, pieces: list[tuple[Row, list[int]]]) -> list[int]:
    """Places of the packed sequence where a prompt ends."""
    places, stop = [], 0
    for row, tokens in pieces:
        stop += len(tokens)
        if len(cache.held[row.slot]) + len(tokens) == len(row.request.tokens):
            places.append(stop - 1)
    return places


def _forward(
    network: Network, cache: KVCache, pieces: list[tuple[Row, list[int]]], places: list[int]
) -> torch.Tensor:
    """Computes and caches the pieces; logits `[places, vocabulary]`."""
    device = cache.keys[0].device
    segments = [Segment(row.slot, len(cache.held[row.slot]), len(tokens)) for row, tokens in pieces]
    packed = torch.tensor([token for _, tokens in pieces for token in tokens], device=device)
    logits = network(
        packed, make_plan(segments, device), cache, torch.tensor(places, dtype=torch.long, device=device)
    )
    for row, tokens in pieces:
        cache.held[row.slot].extend(tokens)
    return logits
