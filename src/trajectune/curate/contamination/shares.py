"""How much of each sample a single training row holds: what decides whether the row is dropped.

The idea: samples can be dirty by fragments that many rows share (a turn of phrase here, a table's heading
there); no single one of these rows gives the sample away. So a row is judged by itself.

Invariant: the share of a row does not depend on the other rows.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from trajectune.curate.contamination.hashing import Places
from trajectune.curate.contamination.index import Index, Spans
from trajectune.curate.contamination.texts import TextRow


def row_shares(index: Index, rows: Sequence[TextRow]) -> tuple[Places, Places, npt.NDArray[np.float64]]:
    """Rows, samples and the share of the sample's tokens that the row holds, where it is not 0."""
    texts: dict[str, int] = {}
    pairs = sorted(
        {(texts.setdefault(text, len(texts)), n) for n, row in enumerate(rows) for text in row.texts}
    )
    spans, _ = index.spans(list(texts))
    number, row = _spread(spans, np.array(pairs, np.int64).reshape(-1, 2), len(texts))
    at, size = spans.at[number], spans.size[number]
    covered = _covered(row * len(index.tokens.ids) + at, size)
    sample = np.searchsorted(index.offsets, at, side="right") - 1
    samples = len(index.offsets)
    group, which = np.unique(row * samples + sample, return_inverse=True)
    found = np.bincount(which, covered, len(group))
    sizes = np.diff(index.offsets)[group % samples]
    return group // samples, group % samples, found / sizes


def _spread(spans: Spans, pairs: Places, texts: int) -> tuple[Places, Places]:
    """Each span once for each row that holds its text: the span's number, and the row's."""
    first = np.searchsorted(pairs[:, 0], np.arange(texts + 1))
    counts = np.diff(first)[spans.text]
    number = np.repeat(np.arange(len(spans.text)), counts)
    nth = np.arange(len(number)) - np.repeat(np.cumsum(counts) - counts, counts)
    return number, pairs[first[spans.text[number]] + nth, 1]


def _covered(starts: Places, sizes: Places) -> Places:
    """What each stretch holds that those which begin before it do not; together, all that they hold."""
    order = np.argsort(starts, kind="stable")
    begins, ends = starts[order], (starts + sizes)[order]
    before = np.concatenate([[-1], np.maximum.accumulate(ends)[:-1]]) if len(ends) else ends
    found = np.empty_like(starts)
    found[order] = np.maximum(ends - np.maximum(begins, before), 0)
    return found
