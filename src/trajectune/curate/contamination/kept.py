"""What is kept while training rows go by: for each token of the samples the longest span that begins there.

The idea: of all spans that begin at a token the longest one holds the tokens of the others, so that one,
and where it was found, is enough to tell which tokens are dirty and to show why.

Invariants: memory grows with the samples and with the training texts that hold a span of theirs; which
tokens are dirty does not depend on the order of the rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from trajectune.curate.contamination.hashing import Places
from trajectune.curate.contamination.index import Index, Spans
from trajectune.curate.contamination.report import Match
from trajectune.curate.contamination.texts import TextRow

T = TypeVar("T")
BATCH = 1 << 18
"""Characters of training text that are looked at together: as tokens they still fit a core's cache."""


def batched(rows: Iterable[tuple[T, TextRow]]) -> Iterator[list[tuple[T, TextRow]]]:
    """Rows together with whatever goes with each, of at least `BATCH` characters but for the last ones."""
    batch, size = list[tuple[T, TextRow]](), 0
    for row in rows:
        batch.append(row)
        size += sum(map(len, row[1].texts))
        if size >= BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


@dataclass(frozen=True, slots=True)
class _Witness:
    """A training text that holds a span."""

    source: str
    row: str
    text: str


class Kept:
    """The longest spans of an index's samples, and their witnesses."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self.rows = self.tokens = 0
        """Of the training data."""
        self.reach: Places = np.zeros(len(index.tokens.ids), np.int64)
        """For each token of the samples: the length of the longest span from it, or 0."""
        self._witness = np.zeros(len(self.reach), np.int64)
        self._start = np.zeros(len(self.reach), np.int64)
        """The first token of that span in the text of its witness."""
        self._witnesses: list[_Witness] = []

    def read(self, source: str, rows: Iterable[TextRow]) -> None:
        """Look at more training rows."""
        for batch in batched((None, row) for row in rows):
            self._add(source, [row for _, row in batch])

    def _add(self, source: str, rows: Sequence[TextRow]) -> None:
        """Look at a batch. A text that several of its rows hold is looked at once."""
        places: dict[str, str] = {}
        for row in rows:
            for text in row.texts:
                places.setdefault(text, row.place)
        texts = list(places)
        spans, tokens = self.index.spans(texts)
        sizes = dict(zip(texts, np.diff(tokens.offsets).tolist(), strict=True))
        self.rows += len(rows)
        self.tokens += sum(sizes[text] for row in rows for text in row.texts)
        better = self._better(spans)
        at = spans.at[better]
        held, number = np.unique(spans.text[better], return_inverse=True)
        self.reach[at], self._start[at] = spans.size[better], spans.start[better]
        self._witness[at] = number + len(self._witnesses)
        self._witnesses += [_Witness(source, places[texts[each]], texts[each]) for each in held.tolist()]

    def dirty(self) -> npt.NDArray[np.bool_]:
        """For each token of the samples whether a span holds it."""
        here = np.arange(len(self.reach))
        return np.maximum.accumulate(here + self.reach) > here

    def matches(self, sample: int) -> list[Match]:
        """As few spans as hold all dirty tokens of a sample, in their order."""
        begin, end = self.index.offsets[sample : sample + 2].tolist()
        ends = [(at, at + reach) for at, reach in enumerate(self.reach[begin:end].tolist(), begin) if reach]
        found, covered = list[Match](), begin
        while ends := [each for each in ends if each[1] > covered]:
            first = max(covered, ends[0][0])
            at = max((each for each in ends if each[0] <= first), key=lambda each: each[1])[0]
            found.append(self._match(at))
            covered = at + int(self.reach[at])
        return found

    def _better(self, spans: Spans) -> Places:
        """The longest new span from each token, where it is longer than the one that is known."""
        order = np.lexsort((-spans.size, spans.at))
        at = spans.at[order]
        first = np.ones(len(at), np.bool_)
        first[1:] = at[1:] != at[:-1]
        order = order[first]
        return order[spans.size[order] > self.reach[spans.at[order]]]

    def _match(self, at: int) -> Match:
        size, start = int(self.reach[at]), int(self._start[at])
        witness = self._witnesses[int(self._witness[at])]
        part = int(np.searchsorted(self.index.tokens.offsets, at, side="right")) - 1
        own = self.index.tokens.ids[at : at + size]
        other = self.index.tokenizer.encode([witness.text]).ids[start : start + size]
        return Match(
            source=witness.source,
            row=witness.row,
            tokens=size,
            differing=int((own != other).sum()),
            text=self._cut(self.index.parts[part], at - int(self.index.tokens.offsets[part]), size),
            training=self._cut(witness.text, start, size),
        )

    def _cut(self, text: str, start: int, size: int) -> str:
        """The stretch of a text from a token on."""
        places = self.index.tokenizer.places(text)
        return text[places[start][0] : places[start + size - 1][1]]
