"""How much of evaluation sets stands in training data: AgentTuning's contamination analysis.

    found = contamination("train.jsonl", ["gsm8k.jsonl", tt.environment("database")])

The idea: every sample is indexed, the training rows are read once, and what is kept of them
(`trajectune.curate.contamination.kept`) tells which tokens are dirty, the share of each sample, and the
spans to show.

Invariant: the figures do not depend on the order of the training rows or of the sets; only which of several
rows that hold a stretch is named does.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from trajectune.curate.contamination.index import LENGTH, SKIPS, Index
from trajectune.curate.contamination.kept import Kept
from trajectune.curate.contamination.report import Contamination, Finding, SetReport, Unread
from trajectune.curate.contamination.sources import (
    Source,
    evaluation_file,
    evaluation_tasks,
    training_examples,
    training_file,
)
from trajectune.curate.contamination.texts import TextRow
from trajectune.curate.contamination.tokens import Tokenizer, Words
from trajectune.environments.contract import Environment
from trajectune.example import Example
from trajectune.progress import OnProgress, Progress, silent
from trajectune.storage import Rejected

Against = str | Path | Environment | Source
_TOLD = 1_000
"""Training rows after which progress is told."""


def contamination(
    training: str | Path | Source | Iterable[Example] | Sequence[Source],
    against: Sequence[Against],
    *,
    tokenizer: Tokenizer | None = None,
    length: int = LENGTH,
    skips: int = SKIPS,
    show: int = 10,
    on_progress: OnProgress = silent,
) -> Contamination:
    """What of the evaluation sets `against` stands in the training data.

    `contamination("train.jsonl", ["gsm8k.jsonl"]).sets[0].dirty.samples`.

    Args:
        training: a file of rows in any format, examples, or sources.
        against: question files, environments (their `test` tasks), or sources.
        tokenizer: words where it is left out; `ModelTokens` for those of a model.
        length: a span has more tokens than this (Llama 2, AgentTuning: 10).
        skips: tokens that may differ in a span (4).
        show: samples of each set whose spans are given, those with the largest shares first.
        on_progress: told how many training rows were read.

    Raises `DataError` where a file cannot be read at all; rows that cannot be read are counted.
    """
    sets = [_evaluated(each) for each in against]
    samples = [list(each) for each in sets]
    texts = [row.texts for rows in samples for row in rows]
    kept, sources = Kept(Index(texts, tokenizer or Words(), length, skips)), _trained(training)
    for source in sources:
        kept.read(source.name, _told(source, on_progress))
    starts = itertools.accumulate(map(len, samples), initial=0)
    return Contamination(
        training=[source.name for source in sources],
        rows=kept.rows,
        tokens=kept.tokens,
        rejected=_reasons(row for source in sources for row in source.rejected),
        unit=kept.index.tokenizer.name,
        length=length,
        skips=skips,
        sets=[_report(*each, kept, show) for each in zip(sets, samples, starts, strict=False)],
    )


def _report(source: Source, rows: list[TextRow], start: int, kept: Kept, show: int) -> SetReport:
    """What was found in the samples of one set, which begin at the sample `start`."""
    index = kept.index
    numbers = slice(start, start + len(rows) + 1)
    dirty = np.concatenate([[0], np.cumsum(kept.dirty())])
    sizes = np.diff(index.offsets[numbers]).tolist()
    found = np.diff(dirty[index.offsets[numbers]]).tolist()
    shares = [part / size if size else 0.0 for part, size in zip(found, sizes, strict=True)]
    worst = sorted((n for n in range(len(rows)) if found[n]), key=lambda n: (-shares[n], -found[n], n))
    return SetReport(
        name=source.name,
        samples=len(rows),
        too_short=sum(size <= index.length for size in index.longest[start : start + len(rows)]),
        tokens=sum(sizes),
        dirty_tokens=sum(found),
        **SetReport.subsets(shares),
        rejected=_reasons(source.rejected),
        findings=[
            Finding(
                place=rows[n].place,
                tokens=sizes[n],
                dirty_tokens=found[n],
                share=shares[n],
                matches=kept.matches(start + n),
            )
            for n in worst[:show]
        ],
    )


def _evaluated(given: Against) -> Source:
    if isinstance(given, Source):
        return given
    if isinstance(given, Environment):
        return evaluation_tasks(given, "test")
    return evaluation_file(given)


def _trained(given: str | Path | Source | Iterable[Example] | Sequence[Source]) -> list[Source]:
    if isinstance(given, Source):
        return [given]
    if isinstance(given, str | Path):
        return [training_file(given)]
    items = list(given)
    sources = [each for each in items if isinstance(each, Source)]
    examples = [each for each in items if isinstance(each, Example)]
    return [*sources, *([training_examples(examples)] if examples else [])]


def _told(source: Source, on_progress: OnProgress) -> Iterator[TextRow]:
    what = f"reading {source.name}"
    for number, row in enumerate(source):
        if number % _TOLD == 0:
            on_progress(Progress(what, number, None))
        yield row


def _reasons(rejected: Iterable[Rejected]) -> list[Unread]:
    """Rejected rows by their reasons, the commonest first."""
    lines: defaultdict[str, list[int]] = defaultdict(list)
    for row in rejected:
        lines[row.reason].append(row.line)
    found = [Unread(reason=reason, rows=len(own), first_line=own[0]) for reason, own in lines.items()]
    return sorted(found, key=lambda each: -each.rows)
