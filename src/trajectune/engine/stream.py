"""A stream: one model under one prompt, with its cache, fed whatever it has not read yet.

The idea: a composition's terms read the same replies behind prompts that may differ, each at its own pace
(a term of weight 0 is not run and catches up when it is needed). So a stream is asked for scores and finds
out itself which tokens are missing: a whole prompt, one token, or a drafted block.

Invariant: after `scores`, the cache holds exactly the row's sequence, drafted tokens included.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from trajectune.engine.network.batch import Segment, make_batch
from trajectune.engine.network.cache import KVCache
from trajectune.engine.network.llama import Prepared
from trajectune.engine.network.network import make_network
from trajectune.engine.network.prove import prove
from trajectune.engine.network.stretch import stretch_limit
from trajectune.engine.row import Row
from trajectune.errors import ModelError
from trajectune.models.loading import LoadedModel

Piece = tuple[Row, list[int], int]
"""A row, the tokens to compute now, and how many of their last positions are asked for."""


class Stream:
    """A model's network and cache. `index` is its place in `Row.prompts`.

    `ids` translates the rows' tokens into the model's (−1: it has none) and its logits back. Raises
    ModelError for a model that the engine does not compute as transformers does.
    """

    def __init__(
        self,
        index: int,
        model: LoadedModel,
        cache: KVCache,
        prefill_tokens: int,
        ids: torch.Tensor | None = None,
        prepared: Prepared | None = None,
    ) -> None:
        self.index = index
        self.model = model
        self.cache = cache
        self._network = make_network(model, prepared)
        prove(self._network, model, cache)
        self._prefill_tokens = prefill_tokens
        self._ids = ids
        self._limit = stretch_limit(model)

    def scores(self, rows: Sequence[Row], count: int = 1) -> torch.Tensor:
        """Logits `[rows, count, vocabulary]` behind each of the last `count` tokens of every row."""
        for row in rows:
            self.settle(row)
        parts = [self._forward(pieces) for pieces in self._passes(rows, count)]
        logits = parts[0] if len(parts) == 1 else torch.cat(parts)
        if self._ids is not None:
            logits = logits[:, self._ids.clamp(min=0)]
        return logits.view(len(rows), count, -1)

    def read(self, rows: Sequence[Row]) -> None:
        """Caches all but the newest token of every row, which the next `scores` reads."""
        for row in rows:
            self.settle(row)
        for pieces in self._passes(rows, 0):
            self._forward(pieces)

    def settle(self, row: Row) -> None:
        """Forgets what was read with other frequencies than the row's present length asks for."""
        stretched = self._limit is not None and self._length(row) + len(row.draft) > self._limit
        if self.cache.stretched[row.slot] != stretched:
            self.cache.keep(row.slot, 0)
            self.cache.stretched[row.slot] = stretched

    def room(self, row: Row) -> int:
        """Most positions that one round can judge: those before the row's frequencies change."""
        if self._limit is None or self._length(row) > self._limit:
            return row.capacity
        return self._limit + 1 - self._length(row)

    def _length(self, row: Row) -> int:
        return len(row.prompts[self.index]) + len(row.tokens)

    def missing(self, row: Row) -> list[int]:
        """What the row has and the cache has not."""
        return row.after(self.index, len(self.cache.held[row.slot]))

    def rewind(self, row: Row) -> None:
        """Forgets what the row has not accepted, and its newest token, which is read next."""
        self.cache.keep(row.slot, self._length(row) - bool(row.tokens))

    def _passes(self, rows: Sequence[Row], count: int) -> Iterator[list[Piece]]:
        """What is not cached, in passes of at most `prefill_tokens` tokens; rows stay in order.

        Rows that differ in their frequencies do not share a pass. With a `count` of 0 the newest token of
        each row is left out.
        """
        pieces: list[Piece] = []
        room = self._prefill_tokens
        for row in rows:
            if pieces and self._stretched(pieces[-1][0]) != self._stretched(row):
                yield pieces
                pieces, room = [], self._prefill_tokens
            todo = self.missing(row) if count else self.missing(row)[:-1]
            while todo:
                now, todo = todo[:room], todo[room:]
                wanted = max(min(len(now), count - len(todo)), 0)
                pieces.append((row, now, wanted))
                room -= len(now)
                if room <= 0:
                    yield pieces
                    pieces, room = [], self._prefill_tokens
        if pieces:
            yield pieces

    def _stretched(self, row: Row) -> bool:
        return self.cache.stretched[row.slot]

    def _forward(self, pieces: list[Piece]) -> torch.Tensor:
        """Computes and caches the pieces; logits at the positions asked for, `[positions, vocabulary]`."""
        held, device = self.cache.held, self.model.device
        segments = [Segment(row.slot, len(held[row.slot]), len(now)) for row, now, _ in pieces]
        packed = torch.tensor([token for _, now, _ in pieces for token in now], device=device)
        places, stop = [], 0
        for _, now, wanted in pieces:
            stop += len(now)
            places += range(stop - wanted, stop)
        at = torch.tensor(places, dtype=torch.long, device=device)
        batch = make_batch(segments, device, self._stretched(pieces[0][0]))
        logits = self._network(self._own_ids(packed), batch, self.cache, at)
        for row, now, _ in pieces:
            held[row.slot].extend(now)
        return logits

    def _own_ids(self, tokens: torch.Tensor) -> torch.Tensor:
        if self._ids is None:
            return tokens
        found = self._ids[tokens]
        if (found < 0).any():
            raise ModelError(
                f"the vocabulary map lacks token {int(tokens[found < 0][0])}, which must be read",
                where=self.model.name,
                remedy="add it to the map",
            )
        return found
