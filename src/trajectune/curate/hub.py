"""Examples by name: a local file, or a data set of the Hugging Face hub as `hf:owner/name[:split]`.

Invariant: rows of a hub data set are read by the same formats as a file's, and rejected likewise.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from trajectune.curate.formats import guess_format, read_examples
from trajectune.curate.formats.files import GUESS_ROWS, Names, examples_in
from trajectune.curate.formats.stored.plain import plain
from trajectune.errors import DataError, UnavailableError
from trajectune.example import Example
from trajectune.storage import RejectedSink, Row, WarningSink

HUB_PREFIX = "hf:"


def read_source(
    data: str,
    rejected: RejectedSink | None = None,
    source: str | None = None,
    notes: Counter[str] | None = None,
) -> Iterator[Example]:
    """Stream the examples of a file or of `hf:owner/name[:split]` (split `train` when not given).

    `notes` counts what of them does not reach the trainer, as in `read_examples`. Raises DataError when it
    cannot be read, UnavailableError when `datasets` is needed and missing.
    """
    if not data.startswith(HUB_PREFIX):
        return read_examples(data, rejected, source, notes=notes)
    return _read_hub(data, WarningSink(data) if rejected is None else rejected, source, notes)


def _read_hub(
    data: str, rejected: RejectedSink, source: str | None, notes: Counter[str] | None
) -> Iterator[Example]:
    name, _, split = data.removeprefix(HUB_PREFIX).partition(":")
    rows = (plain(row) for row in _load(name, split or "train"))
    head = list(itertools.islice(rows, GUESS_ROWS))
    form = guess_format(head)
    if form is None:
        raise DataError("the rows have no format that we know", where=data, remedy="convert the data set")
    numbered = (Row(line, value) for line, value in enumerate(itertools.chain(head, rows), start=1))
    names = Names(source, name.rsplit("/", 1)[-1])
    counted: Counter[str] = Counter() if notes is None else notes
    for each in examples_in(numbered, form, names, rejected, counted):
        yield each.example


def _load(name: str, split: str) -> Iterator[Mapping[str, Any]]:
    try:
        import datasets  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise UnavailableError(
            "reading a hub data set needs the package `datasets`",
            where=f"{HUB_PREFIX}{name}",
            remedy="pip install datasets, or download the data set and name its file",
        ) from None
    try:
        return iter(datasets.load_dataset(name, split=split))  # pyright: ignore[reportArgumentType, reportReturnType]
    except Exception as error:  # the client raises its own, httpx's and OSError kinds for the same mistakes
        raise DataError(
            f"the data set cannot be loaded: {(str(error).strip() or repr(error)).splitlines()[0]}",
            where=f"{HUB_PREFIX}{name}:{split}",
            remedy="check the name and the split; where no hub is reachable, give a local file",
        ) from error
